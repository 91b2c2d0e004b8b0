"""What a search hands on from stage to stage, and what leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metadata
from semsearch.storage.store import Store

__all__ = ["Candidates", "Hit", "read_hits"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that may become hits, best first: ``rows`` int64[n], ``scores`` float32[n].

    ``parts`` holds what made the scores, float32[n] by name.
    """

    rows: Int64
    scores: Float32
    parts: Mapping[str, Float32]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Int64 | slice) -> Candidates:
        """Some of them, in the order of ``places``."""
        parts = {name: values[places] for name, values in self.parts.items()}
        return Candidates(self.rows[places], self.scores[places], parts)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. ``score`` is higher for closer, whatever the metric.

    ``start`` and ``end`` are character positions of the passage in its document's text;
    ``passage`` is its number within the document, from 0; ``parts`` holds what made the score.
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


def read_hits(store: Store, candidates: Candidates) -> list[Hit]:
    """The candidates as hits in their order, within a pinned state; only here are texts read."""
    rows = candidates.rows.tolist()
    passages = store.passages(rows)
    parts = {name: np.asarray(values).tolist() for name, values in candidates.parts.items()}
    hits = []
    for place, (row, score) in enumerate(zip(rows, candidates.scores.tolist(), strict=True)):
        passage = passages[row]
        hits.append(
            Hit(
                rank=place + 1,
                score=score,
                document=str(passage.document.id),
                passage=passage.ordinal,
                text=passage.text,
                start=passage.start,
                end=passage.end,
                title=passage.document.title,
                source=passage.document.source,
                metadata=passage.document.metadata,
                parts={name: values[place] for name, values in parts.items()},
            )
        )
    return hits
