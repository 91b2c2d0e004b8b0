"""A question as a value: what Python's arguments and the command line's options become."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semsearch.common.arguments import check_k, check_string
from semsearch.common.errors import QueryError

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
    - ``per_document``: one hit a document, its nearest passage.

    Raises :class:`QueryError` for what cannot be answered as it stands.
    """

    text: str | None = None
    vector: npt.ArrayLike | None = None
    like: str | None = None
    k: int | None = 10
    min_score: float | None = None
    exact: bool = False
    per_document: bool = False

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

    @property
    def retrieval(self) -> tuple[object, ...]:
        """The values that requests must share to be answered by one search."""
        return self.k, self.min_score, self.exact, self.per_document


def check_score(score: float) -> float:
    """The score, if it is a number that can be reached; raises :class:`QueryError`."""
    is_number = isinstance(score, int | float | np.number) and not isinstance(score, bool)
    if not is_number or not math.isfinite(score):
        raise QueryError(f"{score!r} is no score to reach; give a number such as 0.5")
    return float(score)
