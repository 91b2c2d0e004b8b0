"""A question as a value: what Python's arguments and the command line's options become."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np
import numpy.typing as npt

from semsearch.common.arguments import check_k, check_string
from semsearch.common.documents import Fusion, Mode
from semsearch.common.errors import QueryError
from semsearch.common.suggestions import suggest
from semsearch.query.retrieval.weights import LIKE_WEIGHT, UNLIKE_WEIGHT, Examples, weigh_examples

if TYPE_CHECKING:
    from semsearch.encoder.cross_encoder import CrossEncoder
    from semsearch.query.filters.mapping import Where
    from semsearch.query.filters.tree import Node

__all__ = ["TOKENS", "SearchOptions", "SearchRequest", "check_score"]

TOKENS = "tokens"
"""The way to re-rank that needs no other model."""


class SearchOptions(TypedDict, total=False):
    """What a search for a text may be told besides; :class:`SearchRequest` says what each means."""

    where: Where | None
    mode: Mode | str | None
    fusion: Fusion | str
    like: Sequence[str] | Mapping[str, float] | str | None
    unlike: Sequence[str] | Mapping[str, float] | str | None
    offset: int
    per_document: bool
    group_by: str | None
    diversity: float
    fold: float | None
    rerank: str | CrossEncoder | None
    rerank_ms: float | None
    min_confidence: float | None
    explain: bool
    highlight: bool
    snippet: bool
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class SearchRequest:
    """A question to a collection. One of the first three, or ``like`` beside a text or alone, says what is looked for.

    - ``text``: what is near to it in meaning, or in words;
    - ``vector``: what is near to numbers[dimension];
    - ``similar``: what is near to the stored document of this id, whose own passages are left out;
    - ``like``, ``unlike``: texts or ids of documents that the answers are like or unlike, or mappings to weights (see
      :mod:`semsearch.query.retrieval.examples`);
    - ``k``: how many hits at most; ``None`` is all that reach ``min_score``;
    - ``min_score``: the least score of a hit; every passage is then compared;
    - ``exact``: compare with every passage instead of asking the index;
    - ``per_document``: one hit a document, its best passage;
    - ``group_by``: one hit for each value of this field, the best; documents without it are all kept;
    - ``diversity``: from 0 to 1, how much a hit that is near to one before it is put back;
    - ``fold``: leave out what has this cosine or more with a better hit: near-duplicates, at 0.95 for example;
    - ``rerank``: read the first hundred passages closely: ``tokens``, or a cross-encoder by its name or itself (see
      :mod:`semsearch.query.rerank`);
    - ``rerank_ms``: the milliseconds for that, the best passages first; at least one is read;
    - ``min_confidence``: leave out hits of a lower confidence, from 0 to 1 (see
      :mod:`semsearch.query.accounts.confidence`); a page has fewer hits then;
    - ``mode``: what a text is searched by; ``None`` is ``hybrid``, and ``dense`` where there is no text, or a least
      score, which only one kind of score can reach;
    - ``fusion``: what a hybrid search adds up, weighted ``scores`` or reciprocal ``ranks``;
    - ``offset``: how many of the best hits are passed over;
    - ``explain``: say of each hit how its score came about, and where words of the query stand in it;
    - ``highlight``: the latter alone;
    - ``snippet``: find the best sentence of each hit;
    - ``where``: which documents may be found, as text or as a mapping (see :mod:`semsearch.query.filters`).

    Raises :class:`QueryError` for what cannot be answered as it stands.
    """

    text: str | None = None
    vector: npt.ArrayLike | None = None
    similar: str | None = None
    like: Sequence[str] | Mapping[str, float] | str | None = None
    unlike: Sequence[str] | Mapping[str, float] | str | None = None
    k: int | None = 10
    min_score: float | None = None
    exact: bool = False
    per_document: bool = False
    group_by: str | None = None
    diversity: float = 0.0
    fold: float | None = None
    rerank: str | CrossEncoder | None = None
    rerank_ms: float | None = None
    min_confidence: float | None = None
    mode: Mode | str | None = None
    fusion: Fusion | str = Fusion.SCORES
    offset: int = 0
    explain: bool = False
    highlight: bool = False
    snippet: bool = False
    where: Where | None = None
    examples: Examples = field(init=False, default=())
    tree: Node | None = field(init=False, default=None)

    @classmethod
    def of(cls, text: str | None, k: int, options: Mapping[str, Any]) -> Self:
        """A question as a method is given it; raises TypeError for an option that no question has."""
        for name in options:
            if name not in SearchOptions.__annotations__:
                advice = suggest(
                    name, [*SearchOptions.__annotations__], "k is how many hits; see semsearch.SearchOptions"
                )
                raise TypeError(f"a search has no option {name!r}; {advice}")
        return cls(text, k=k, **options)

    def __post_init__(self) -> None:
        """Check the values, and take NumPy's integers for Python's."""
        object.__setattr__(self, "examples", self._weigh_examples())
        given = [what for what in (self.text, self.vector, self.similar) if what is not None]
        if len(given) > 1 or (self.examples and self.similar is not None):
            raise QueryError("there are several queries in one; give one of text, vector and similar")
        if not given and not any(weight > 0 for _, weight in self.examples):
            raise QueryError("the query is empty; give a word or a sentence to search for")
        if self.text is not None and not isinstance(self.text, str):
            raise QueryError(
                f"the query is {self.text!r:.60}; give a string; several questions are for search_many, and vectors "
                "for search_vectors"
            )
        if self.text is not None and not self.text.strip():
            raise QueryError("the query is empty; give a word or a sentence to search for")
        if self.similar is not None:
            check_string(self.similar, "id of a document")
        self._check_spread()
        self._check_rerank()
        if self.min_score is not None:
            check_score(self.min_score)
        if self.k is not None or self.min_score is None:
            object.__setattr__(self, "k", check_k(self.k))  # type: ignore[arg-type]  # None is refused there
        object.__setattr__(self, "offset", check_offset(self.offset))
        object.__setattr__(self, "mode", self._choose_mode())
        object.__setattr__(self, "fusion", self._choose_fusion())
        self._check_confidence()
        if self.text is None and (self.explain or self.highlight or self.snippet):
            raise QueryError("only the hits of a text can be explained, or have a best sentence; search for one")
        if self.where is not None:
            from semsearch.query.filters.mapping import to_tree  # most questions have no filter

            object.__setattr__(self, "tree", to_tree(self.where))

    @property
    def retrieval(self) -> tuple[object, ...]:
        """The values that requests must share to be answered by one search."""
        spread = self.per_document, self.group_by, self.diversity, self.fold
        reranking = self.rerank, self.rerank_ms
        return (
            self.k,
            self.min_score,
            self.exact,
            spread,
            reranking,
            self.mode,
            self.fusion,
            self.offset,
            repr(self.tree),
        )

    @property
    def is_encoded(self) -> bool:
        """Whether the question has a text of which a vector is made."""
        return self.text is not None and self.mode is not Mode.LEXICAL

    @property
    def uses_encoder(self) -> bool:
        """Whether what the encoder makes of the question is compared with what it has made of passages."""
        return self.is_encoded or self.rerank == TOKENS

    @property
    def last(self) -> int | None:
        """How many hits there are up to the last one that is wanted; ``None`` is all."""
        return None if self.k is None else self.offset + self.k

    @property
    def is_spread(self) -> bool:
        """Whether stages leave candidates out, so that more must be retrieved."""
        return self.per_document or self.group_by is not None or self.fold is not None

    def _weigh_examples(self) -> Examples:
        like = () if self.like is None else weigh_examples(self.like, LIKE_WEIGHT, "like")
        unlike = () if self.unlike is None else weigh_examples(self.unlike, -UNLIKE_WEIGHT, "unlike")
        return *like, *unlike

    def _check_spread(self) -> None:
        if self.group_by is not None:
            check_string(self.group_by, "field to group by")
        if not _is_number(self.diversity) or not 0 <= self.diversity <= 1:
            raise QueryError(f"{self.diversity!r} is no diversity; give a number from 0, for none, to 1")

        if self.fold is not None and (not _is_number(self.fold) or not 0 < self.fold <= 1):
            raise QueryError(f"{self.fold!r} is no cosine of near-duplicates; give a number above 0, up to 1")

    def _check_rerank(self) -> None:
        if self.rerank_ms is not None:
            if not _is_number(self.rerank_ms) or not self.rerank_ms > 0:
                raise QueryError(f"{self.rerank_ms!r} is no time for re-ranking; give milliseconds above 0")
            if self.rerank is None:
                raise QueryError(f"a time for re-ranking needs a way to do it; give rerank, such as {TOKENS!r}")
        if self.rerank is None:
            return
        if isinstance(self.rerank, str) and not self.rerank.strip():
            raise QueryError(f"rerank is empty; give {TOKENS!r}, or the name of a cross-encoder")
        if self.text is None or self.min_score is not None:
            raise QueryError("only the best answers to a text can be re-ranked; search for one, without a least score")

    def _choose_fusion(self) -> Fusion:
        if self.fusion not in list(Fusion):
            raise QueryError(f"unknown fusion {self.fusion!r}; choose one of {', '.join(Fusion)}")
        fusion = Fusion(self.fusion)
        if fusion is not Fusion.SCORES and self.mode is not Mode.HYBRID:
            raise QueryError(f"only a search of the mode {Mode.HYBRID} adds up {fusion}; leave the fusion out")
        return fusion

    def _check_confidence(self) -> None:
        if self.min_confidence is None:
            return
        if not _is_number(self.min_confidence) or not 0 <= self.min_confidence <= 1:
            raise QueryError(f"{self.min_confidence!r} is no confidence; give a number from 0 to 1, such as 0.9")
        if not self.has_confidence:
            raise QueryError(
                f"only answers to a text by meaning have a confidence; search for one, with the mode {Mode.HYBRID} or "
                f"{Mode.DENSE}, without examples"
            )

    @property
    def has_confidence(self) -> bool:
        """Whether the hits' scores can be compared with those of questions without a sense: for a text by itself."""
        return self.text is not None and not self.examples and self.mode is not Mode.LEXICAL

    @property
    def is_on_scale(self) -> bool:
        """Whether scores are on the scale of the vectors' own: not those of words, of ranks or of a cross-encoder."""
        is_reread = self.rerank is not None and self.rerank != TOKENS
        return self.mode is not Mode.LEXICAL and self.fusion is Fusion.SCORES and not is_reread

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
    if not _is_number(score) or not math.isfinite(score):
        raise QueryError(f"{score!r} is no score to reach; give a number such as 0.5")
    return float(score)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
