"""A question as a value: what Python's arguments and the command line's options become."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from semsearch.common.arguments import check_k, check_string
from semsearch.common.documents import Mode
from semsearch.common.errors import QueryError
from semsearch.query.filters.mapping import Where, to_tree
from semsearch.query.filters.tree import Node

__all__ = ["SearchRequest", "check_score"]


@dataclass(frozen=True, slots=True, eq=False)
class SearchRequest:
    """A question to a collection. One of the first three says what is looked for.

    - ``text``: what is near to it in meaning;
    - ``vector``: what is near to numbers[dimension];
    - ``like``: what is near to the stored document of this id, whose own passages are left out;
    - ``k``: how many hits at most; ``None`` is all that reach ``min_score``;
    - ``min_score``: the least score of a hit; every passage is then compared;
    - ``exact``: compare with every passage instead of asking the index;
    - ``per_document``: one hit a document, its best passage;
    - ``mode``: what a text is searched by; ``None`` is ``hybrid``, and ``dense`` where there is no text, or a least
      score, which only one kind of score can reach;
    - ``offset``: how many of the best hits are passed over;
    - ``where``: which documents may be found, as text or as a mapping (see :mod:`semsearch.query.filters`).

    Raises :class:`QueryError` for what cannot be answered as it stands.
    """

    text: str | None = None
    vector: npt.ArrayLike | None = None
    like: str | None = None
    k: int | None = 10
    min_score: float | None = None
    exact: bool = False
    per_document: bool = False
    mode: Mode | str | None = None
    offset: int = 0
    where: Where | None = None
    tree: Node | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Check the values, and take NumPy's integers for Python's."""
        given = [what for what in (self.text, self.vector, self.like) if what is not None]
        if len(given) > 1:
            raise QueryError("there are several queries in one; give one of text, vector and like")
        if not given:
            raise QueryError("the query is empty; give a word or a sentence to search for")
        if self.text is not None and (not isinstance(self.text, str) or not self.text.strip()):
            raise QueryError("the query is empty; give a word or a sentence to search for")
        if self.like is not None:
            check_string(self.like, "id of a document")
        if self.min_score is not None:
            check_score(self.min_score)
        if self.k is not None or self.min_score is None:
            object.__setattr__(self, "k", check_k(self.k))  # type: ignore[arg-type]  # None is refused there
        object.__setattr__(self, "offset", check_offset(self.offset))
        object.__setattr__(self, "mode", self._choose_mode())
        object.__setattr__(self, "tree", None if self.where is None else to_tree(self.where))

    @property
    def retrieval(self) -> tuple[object, ...]:
        """The values that requests must share to be answered by one search."""
        return self.k, self.min_score, self.exact, self.per_document, self.mode, self.offset, repr(self.tree)

    @property
    def is_encoded(self) -> bool:
        """Whether the question has a text of which a vector is made."""
        return self.text is not None and self.mode is not Mode.LEXICAL

    @property
    def last(self) -> int | None:
        """How many hits there are up to the last one that is wanted; ``None`` is all."""
        return None if self.k is None else self.offset + self.k

    def _choose_mode(self) -> Mode:
        if self.mode is None:
            return Mode.DENSE if self.text is None or self.min_score is not None else Mode.HYBRID
        if self.mode not in list(Mode):
            raise QueryError(f"unknown mode {self.mode!r}; choose one of {', '.join(Mode)}")
        mode = Mode(self.mode)
        if mode is not Mode.DENSE and self.text is None:
            raise QueryError(f"the mode {mode} looks for words, and the query has none; use the mode {Mode.DENSE}")
        if mode is Mode.HYBRID and self.min_score is not None:
            raise QueryError(
                f"a least score is one of the mode {Mode.DENSE} or {Mode.LEXICAL}: a score of both depends on the "
                "other passages; choose one of these modes"
            )
        return mode


def check_offset(offset: int) -> int:
    """The number of hits to pass over, if it is one; raises :class:`QueryError`."""
    if isinstance(offset, bool) or not isinstance(offset, int | np.integer) or offset < 0:
        raise QueryError(f"{offset!r} is no number of hits to pass over; give 0 or more")
    return int(offset)


def check_score(score: float) -> float:
    """The score, if it is a number that can be reached; raises :class:`QueryError`."""
    is_number = isinstance(score, int | float | np.number) and not isinstance(score, bool)
    if not is_number or not math.isfinite(score):
        raise QueryError(f"{score!r} is no score to reach; give a number such as 0.5")
    return float(score)
