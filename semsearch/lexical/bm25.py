"""BM25: how well rows fit the words of a question (Robertson & Zaragoza 2009), with an idf that is never negative.

A row's score is the sum over the question's terms of

    count in the question * idf * count in the row * (K1 + 1) / (count in the row + K1 * (1 - B + B * length / mean))

with ``idf = ln(1 + (rows - rows with the term + 0.5) / (rows with the term + 0.5))``. Deleted rows count nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64
from semsearch.lexical.postings import Postings

__all__ = ["B", "K1", "LexicalIndex"]

K1 = 1.5
B = 0.6
"""Frozen over all judged sets; see docs/decisions/017."""


class LexicalIndex:
    """Segments of postings that follow each other from row 0 on, asked as one; threads may share it."""

    def __init__(self, segments: Sequence[Postings], dead: Int64) -> None:
        """``dead`` are the rows that are deleted."""
        self.segments = tuple(segments)
        self.rows = segments[-1].end if segments else 0
        self._live: npt.NDArray[np.bool_] | None = None
        lengths = np.concatenate([segment.lengths for segment in segments] or [np.empty(0, np.uint32)])
        if len(dead):
            self._live = np.ones(self.rows, np.bool_)
            self._live[dead] = False
        kept = lengths if self._live is None else lengths[self._live]
        self.count = len(kept)
        self.mean_length = float(kept.mean()) if self.count and kept.any() else 1.0
        self._norms = (K1 * (1 - B + B * lengths / self.mean_length)).astype(np.float32)

    def weights(self, terms: Mapping[str, int]) -> dict[str, float]:
        """The weight of each term of a question: how often it occurs there, times its idf. 0 for one of no row."""
        return {term: count * self._idf(term) for term, count in terms.items()}

    def scores(self, terms: Mapping[str, int]) -> Float32:
        """The score of every row, float32[rows]; 0 for rows without any of the terms, and for deleted ones."""
        scores = np.zeros(self.rows, np.float32)
        for term, weight in self.weights(terms).items():
            for segment in self.segments if weight else ():
                rows, counts = segment.find(term)
                part = scores[segment.first : segment.end]
                part[rows] += self._impacts(segment, rows, counts, weight)
        if self._live is not None:
            scores[~self._live] = 0
        return scores

    def shares(self, terms: Mapping[str, int], rows: Int64) -> dict[str, Float32]:
        """What each term adds to the scores of some rows: float32[rows] by term; they add up to the scores."""
        return {term: self._share(term, weight, rows) for term, weight in self.weights(terms).items()}

    def _share(self, term: str, weight: float, wanted: Int64) -> Float32:
        shares = np.zeros(len(wanted), np.float32)
        for segment in self.segments if weight else ():
            rows, counts = segment.find(term)
            if not len(rows):
                continue
            places = np.minimum(np.searchsorted(rows, wanted - segment.first), len(rows) - 1)
            has_term = rows[places] == wanted - segment.first
            places = places[has_term]
            shares[has_term] = self._impacts(segment, rows[places], counts[places], weight)
        return shares

    def _impacts(
        self, segment: Postings, rows: npt.NDArray[np.uint32], counts: npt.NDArray[np.uint8], weight: float
    ) -> Float32:
        frequencies = counts.astype(np.float32)
        norms = self._norms[segment.first : segment.end][rows]
        impacts: Float32 = frequencies * np.float32(weight * (K1 + 1)) / (frequencies + norms)
        return impacts

    def _idf(self, term: str) -> float:
        having = self._count_rows(term)
        return float(np.log1p((self.count - having + 0.5) / (having + 0.5))) if having else 0.0

    def _count_rows(self, term: str) -> int:
        """How many live rows have a term."""
        total = 0
        for segment in self.segments:
            rows, _ = segment.find(term)
            live = self._live[segment.first : segment.end][rows] if self._live is not None and len(rows) else rows
            total += int(np.count_nonzero(live)) if self._live is not None else len(rows)
        return total
