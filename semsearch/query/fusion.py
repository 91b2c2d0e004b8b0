"""Hybrid retrieval: meaning and words together, as one score.

    score = DENSE_WEIGHT * dense + LEXICAL_WEIGHT * (low + (high - low) * lexical / best lexical)

``high`` is the best dense score there is, ``low = high - |high|``: 0 for a cosine, and for a distance, whose scores are
below 0, that of what is twice as far. So a lexical score is put on the scale of the dense one, and the score is on that
scale, too: a passage that is the best in both has its dense score. That ranks as the weighted sum of both, each divided
by its best, does. Where no passage has a word of the question the score is the dense one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.index import Bitmap
from semsearch.query.dense import DENSE
from semsearch.query.hits import Candidates
from semsearch.query.lexical import LEXICAL, best_rows
from semsearch.storage.snapshot import Snapshot

__all__ = ["DENSE_WEIGHT", "LEAST_RETRIEVED", "LEXICAL_WEIGHT", "Fusion"]

DENSE_WEIGHT = 0.6
LEXICAL_WEIGHT = 0.4
"""Frozen over all judged sets; see docs/decisions/017."""
LEAST_RETRIEVED = 100
"""Passages that are retrieved by meaning, however few are wanted."""
DEEPER = 4
"""How many times as many are retrieved when it is not certain yet which are the best."""
MOST_LOOKED_UP = 5000
"""Passages whose dense score is looked up, rather than retrieving deeper."""

Ranked = tuple[Float32, Int64]
"""Dense scores and rows of passages."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """One question: its vector, float32[1, dimension], and every row's lexical score, 0 for what is not allowed."""

    snapshot: Snapshot
    query: Float32
    lexical: Float32
    allowed: Bitmap | None
    exact: bool

    def best(self, wanted: int, nearest: Ranked) -> Candidates:
        """The ``wanted`` best passages, as if all scores of all passages were fused.

        ``nearest`` are the best by meaning, best first, at least ``wanted`` if there are so many. A passage that is not
        among them has at most the last one's dense score, so that its lexical score says whether it may be one of the
        best (the threshold algorithm of Fagin 2001). What may be is looked up, or more is retrieved.
        """
        best_lexical = float(self.lexical.max(initial=0.0))
        while best_lexical:
            scores, rows = nearest
            high = float(scores[0])
            low = high - abs(high)
            scale = LEXICAL_WEIGHT * (high - low) / best_lexical
            ranked = self._complete(nearest, wanted, low, scale)
            if ranked is not None:
                return self._rank(*ranked, low, scale).take(slice(wanted))
            (scores,), (rows,) = self.snapshot.search(self.query, DEEPER * len(rows), self.allowed, exact=self.exact)
            nearest = scores, rows
        scores, rows = nearest
        parts = {DENSE: scores, LEXICAL: np.zeros_like(scores)}
        return Candidates(rows, scores, parts, self._total).take(slice(wanted))

    def _complete(self, nearest: Ranked, wanted: int, low: float, scale: float) -> Ranked | None:
        """The dense scores of all that may be among the best; ``None`` if these are too many to look up."""
        ranked = self._look_up(nearest, best_rows(self.lexical, wanted))
        if not scale or len(nearest[1]) >= self._total:
            return ranked
        fused = self._rank(*ranked, low, scale).scores
        least = float(fused[min(wanted, len(fused)) - 1])
        unknown = DENSE_WEIGHT * float(nearest[0][-1]) + LEXICAL_WEIGHT * low
        if unknown >= least:  # even a passage without a word of the question may be among them
            return None
        promising = np.flatnonzero(self.lexical >= (least - unknown) / scale)
        return self._look_up(ranked, promising) if len(promising) <= MOST_LOOKED_UP else None

    def _look_up(self, ranked: Ranked, rows: Int64) -> Ranked:
        """What is known already, and the dense scores of those of the rows that are not."""
        others = np.setdiff1d(rows, ranked[1])
        if not len(others):
            return ranked
        scores, found = self.snapshot.searcher.rows.search_among(self.query, len(others), others)
        return np.concatenate([ranked[0], scores[0]]), np.concatenate([ranked[1], found[0]])

    def _rank(self, dense: Float32, rows: Int64, low: float, scale: float) -> Candidates:
        lexical = self.lexical[rows]
        fused = (DENSE_WEIGHT * dense + LEXICAL_WEIGHT * low + scale * lexical).astype(np.float32)
        return Candidates(rows, fused, {DENSE: dense, LEXICAL: lexical}, self._total).take(np.lexsort((rows, -fused)))

    @property
    def _total(self) -> int:
        """How many passages are allowed."""
        return self.snapshot.count(self.allowed)
