"""What a search hands on from stage to stage, and what leaves it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metadata, Span
from semsearch.ingest.locations import Location
from semsearch.storage.store import Store
from semsearch.storage.tables.passages import StoredPassage

__all__ = [
    "LEAST_CONFIDENCE",
    "ON_REQUEST",
    "Candidates",
    "Explanation",
    "Hit",
    "Hits",
    "Ratings",
    "TokenShare",
    "read_hits",
]

LEAST_CONFIDENCE = 0.9
"""Of a relevant hit. One in ten questions without a sense finds one that reaches it."""
ON_REQUEST = ("highlights", "snippet", "explanation")
"""Fields of a hit that it has only if they were asked for."""
SHOWN = 5
"""Hits that a ``repr`` shows."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that may become hits, best first: ``rows`` int64[n], ``scores`` float32[n].

    ``parts`` holds what made the scores, float32[n] by name, NaN where a passage has none; ``total`` is how many
    passages could be candidates. ``ranks`` are those by some of the parts, int64[n], 0 for none. ``best_dense`` is the
    best dense score of all that could be, if the question has a vector.
    """

    rows: Int64
    scores: Float32
    parts: Mapping[str, Float32]
    total: int
    ranks: Mapping[str, Int64] = field(default_factory=dict)
    best_dense: float | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Int64 | slice) -> Candidates:
        """Some of them, in the order of ``places``."""
        parts = {name: values[places] for name, values in self.parts.items()}
        ranks = {name: values[places] for name, values in self.ranks.items()}
        return Candidates(self.rows[places], self.scores[places], parts, self.total, ranks, self.best_dense)


@dataclass(frozen=True, slots=True)
class Ratings:
    """How the scores of candidates stand in their collection, float64[n] each; ``None`` is not known.

    ``best`` is the confidence of the best candidate of all. See :mod:`semsearch.query.accounts.confidence`.
    """

    percentiles: npt.NDArray[np.float64] | None = None
    confidences: npt.NDArray[np.float64] | None = None
    best: float | None = None

    def take(self, places: Int64) -> Ratings:
        """Those of some of the candidates."""
        percentiles = None if self.percentiles is None else self.percentiles[places]
        return Ratings(percentiles, None if self.confidences is None else self.confidences[places], self.best)


class TokenShare(NamedTuple):
    """A token, and what it adds to a dense score."""

    token: str
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a hit came by its score.

    ``ranks`` is its rank in each list of which it has a part; ``None`` is behind the first 300. ``words`` is what
    each term adds to the lexical score. ``query_tokens`` and ``tokens`` are those of the query and of the passage with
    its title before it, with what each adds to the dense score; they are empty where that is no sum over tokens. The
    passage is encoded when its tokens are first looked at.
    """

    ranks: Mapping[str, int | None]
    words: Mapping[str, float]
    query_tokens: Sequence[TokenShare]
    tokens: Sequence[TokenShare]


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. ``score`` is higher for closer, whatever the metric.

    ``start`` and ``end`` are character positions of the passage in its document's text;
    ``location`` says where in the file that is (see :mod:`semsearch.ingest.locations`).
    ``passage`` is its number within the document, from 0; ``parts`` holds what made the score. ``percentile`` says how
    many percent of random pairs of passages are less near, and ``confidence``, from 0 to 1, which share of questions
    without a sense finds less; ``None`` is not known (see :mod:`semsearch.query.accounts.confidence`). If asked for,
    ``highlights`` are the places in ``text`` of words of the query, ``snippet`` is that of its best sentence, and
    ``explanation`` says how the score came about.
    """

    rank: int
    score: float
    document: str
    passage: int
    text: str
    start: int
    end: int
    title: str | None
    source: str | None
    metadata: Metadata
    parts: Mapping[str, float]
    percentile: float | None = None
    confidence: float | None = None
    location: Mapping[str, Any] = field(default_factory=dict)
    highlights: tuple[Span, ...] | None = None
    snippet: Span | None = None
    explanation: Explanation | None = None

    @property
    def is_relevant(self) -> bool | None:
        """Whether the confidence is that of a relevant hit, 0.9 or more; ``None`` if it is not known."""
        return None if self.confidence is None else self.confidence >= LEAST_CONFIDENCE

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with whether it is relevant; what nobody asked for is left out."""
        found = {name: value for name, value in asdict(self).items() if name not in ON_REQUEST or value is not None}
        return found | {"relevant": self.is_relevant}


class Hits(Sequence[Hit]):
    """The answer to a question: hits, best first; equal to a list of the same.

    ``total`` is how many passages could be hits if enough were asked for, ``documents`` how many documents could be
    found: all, or those that fulfil the filter. ``confidence`` is that of the best passage that could be a hit, on
    whichever page; ``None`` is not known. ``removed`` are hits that would be on this page without the filter, if
    explanations were asked for.
    """

    __slots__ = ("_hits", "confidence", "documents", "removed", "total")

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        total: int = 0,
        documents: int = 0,
        confidence: float | None = None,
        removed: tuple[Hit, ...] = (),
    ) -> None:
        self._hits = tuple(hits)
        self.total = total
        self.documents = documents
        self.confidence = confidence
        self.removed = removed

    @property
    def nothing_relevant(self) -> bool | None:
        """Whether questions without a sense find as much: no passage has a confidence of 0.9; ``None`` is not known."""
        return None if self.confidence is None else self.confidence < LEAST_CONFIDENCE

    def with_hits(self, hits: Iterable[Hit]) -> Hits:
        """The same answer with other accounts of its hits."""
        return Hits(hits, self.total, self.documents, self.confidence, self.removed)

    def __len__(self) -> int:
        return len(self._hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> list[Hit]: ...
    def __getitem__(self, place: int | slice) -> Hit | list[Hit]:
        return list(self._hits[place]) if isinstance(place, slice) else self._hits[place]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Hits):
            return (self._hits, self.total, self.documents) == (other._hits, other.total, other.documents)
        return isinstance(other, list | tuple) and self._hits == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # it is equal to lists, which have none

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table`` with a row a hit; needs the extra ``frames``."""
        from semsearch.query.frames import to_arrow

        return to_arrow(self)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with a row a hit; needs the extra ``frames``."""
        from semsearch.query.frames import to_pandas

        return to_pandas(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream of the hits, which Polars and others read (Arrow PyCapsule interface)."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from semsearch.query.frames import to_html

        return to_html(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{hit.document!r} {hit.score:.3f}" for hit in self[:SHOWN])
        return f"<{len(self)} of {self.total} hits: {shown}{', …' if len(self) > SHOWN else ''}>"


def read_hits(
    store: Store, candidates: Candidates, ranks: Sequence[int] | None = None, ratings: Ratings | None = None
) -> list[Hit]:
    """The candidates as hits in their order, within a pinned state; only here are texts read.

    ``ranks`` are from 1 on unless told, ``ratings`` what is known of their scores.
    """
    rows = candidates.rows.tolist()
    passages = store.passages(rows)
    unknown = [None] * len(rows)
    percentiles = unknown if ratings is None or ratings.percentiles is None else ratings.percentiles.tolist()
    confidences = unknown if ratings is None or ratings.confidences is None else ratings.confidences.tolist()
    parts = {name: np.asarray(values).tolist() for name, values in candidates.parts.items()}
    hits = []
    numbers = range(1, len(rows) + 1) if ranks is None else ranks
    for place, (row, score) in enumerate(zip(rows, candidates.scores.tolist(), strict=True)):
        passage = passages[row]
        hits.append(
            Hit(
                rank=numbers[place],
                score=score,
                document=str(passage.document.id),
                passage=passage.ordinal,
                text=passage.text,
                start=passage.start,
                end=passage.end,
                title=passage.document.title,
                source=passage.document.source,
                metadata=passage.document.metadata,
                parts={name: values[place] for name, values in parts.items() if not math.isnan(values[place])},
                percentile=percentiles[place],
                confidence=confidences[place],
                location=_locate(passage),
            )
        )
    return hits


def _locate(passage: StoredPassage) -> Location:
    document = passage.document
    return Location(document.source, str(document.id), document.text, (passage.start, passage.end))
