"""Hybrid retrieval: meaning and words together, as one score.

    score = DENSE_WEIGHT * dense + LEXICAL_WEIGHT * (low + (high - low) * lexical / best lexical)

``high`` is the best dense score there is, ``low = high - |high|``: 0 for a cosine, and for a distance, whose scores are
below 0, that of what is twice as far. So a lexical score is put on the scale of the dense one, and the score is on that
scale, too: a passage that is the best in both has its dense score. That ranks as the weighted sum of both, each divided
by its best, does. Where no passage has a word of the question the score is the dense one, and a text that is the
question itself, whose cosine is 1, has 1, whichever words others have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metric
from semsearch.index import Bitmap
from semsearch.lexical.row_scores import RowScores
from semsearch.query.hits import Candidates
from semsearch.query.retrieval.dense import DENSE
from semsearch.query.retrieval.lexical import LEXICAL
from semsearch.storage.snapshot import Snapshot

__all__ = ["DENSE_WEIGHT", "LEAST_RETRIEVED", "LEXICAL_WEIGHT", "ScoreFusion"]

DENSE_WEIGHT = 0.6
LEXICAL_WEIGHT = 0.4
"""Frozen over all judged sets; see docs/decisions/017."""
LEAST_RETRIEVED = 100
"""Passages that are retrieved by meaning, however few are wanted."""
DEEPER = 4
"""How many times as many are retrieved when it is not certain yet which are the best."""
SLACK = 1e-6
"""Of the best lexical score: what rounding to float32 may hide."""
MOST_LOOKED_UP = 5000
"""Passages whose dense score is looked up, rather than retrieving deeper."""

Ranked = tuple[Float32, Int64]
"""Dense scores and rows of passages."""


@dataclass(frozen=True)
class ScoreFusion:
    """One question: its vector, float32[1, dimension], and the lexical scores, 0 for what is not allowed."""

    snapshot: Snapshot
    query: Float32
    lexical: RowScores
    allowed: Bitmap | None
    exact: bool

    def best(self, wanted: int, nearest: Ranked) -> Candidates:
        """The ``wanted`` best passages, as if all scores of all passages were fused.

        ``nearest`` are the best by meaning, best first, at least ``wanted`` if there are so many. A passage that is not
        among them has at most the last one's dense score, so that its lexical score says whether it may be one of the
        best (the threshold algorithm of Fagin 2001). What may be is looked up, or more is retrieved.
        """
        while self.lexical.largest:
            scores, rows = nearest
            ranked = self._complete(nearest, wanted)
            if ranked is not None:
                return self._rank(*ranked, float(scores[0])).take(slice(wanted))
            (scores,), (rows,) = self.snapshot.search(self.query, DEEPER * len(rows), self.allowed, exact=self.exact)
            nearest = scores, rows
        scores, rows = nearest
        parts = {DENSE: scores, LEXICAL: np.zeros_like(scores)}
        best = float(scores[0]) if len(scores) else None
        return Candidates(rows, scores, parts, self._total, best_dense=best).take(slice(wanted))

    def _complete(self, nearest: Ranked, wanted: int) -> Ranked | None:
        """The dense scores of all that may be among the best; ``None`` if these are too many to look up."""
        ranked = self._look_up(nearest, self.lexical.best(wanted))
        high, last = float(nearest[0][0]), float(nearest[0][-1])
        if not high or len(nearest[1]) >= self._total:
            return ranked
        fused = self._rank(*ranked, high).scores
        least = float(fused[min(wanted, len(fused)) - 1])
        unknown = self._fuse(last, 0.0, high)
        if self._is_same(last):  # so many are the question itself; of those words decide
            promising = self.lexical.at_least(0)
        elif unknown >= least:  # even one without a word of the question may be among them
            return None
        else:
            share = (least - unknown) / (self._fuse(last, self.lexical.largest, high) - unknown)
            promising = self.lexical.at_least(self.lexical.largest * (share - SLACK))
        return self._look_up(ranked, promising) if len(promising) <= MOST_LOOKED_UP else None

    def _look_up(self, ranked: Ranked, rows: Int64) -> Ranked:
        """What is known already, and the dense scores of those of the rows that are not."""
        others = np.sort(np.setdiff1d(rows, ranked[1], assume_unique=True))
        if not len(others):
            return ranked
        scores, found = self.snapshot.searcher.rows.search_among(self.query, len(others), others)
        return np.concatenate([ranked[0], scores[0]]), np.concatenate([ranked[1], found[0]])

    def _rank(self, dense: Float32, rows: Int64, high: float) -> Candidates:
        lexical = self.lexical.values[rows]
        fused = self._fuse(dense.astype(np.float64), lexical.astype(np.float64), high).astype(np.float32)
        fused = np.where(self._is_same(dense), dense, fused)
        ranked = Candidates(rows, fused, {DENSE: dense, LEXICAL: lexical}, self._total, best_dense=high)
        return ranked.take(np.lexsort((rows, -lexical, -fused)))

    def _fuse(self, dense: Any, lexical: Any, high: float) -> Any:
        """The definition, in double precision: so no score is above the best dense one."""
        low = high - abs(high)
        return DENSE_WEIGHT * dense + LEXICAL_WEIGHT * (low + (high - low) * (lexical / self.lexical.largest))

    def _is_same(self, dense: Any) -> Any:
        """Whether a score says that a passage is the text of the question: no words can make that less."""
        is_cosine = self.snapshot.searcher.rows.metric is Metric.COSINE
        return (dense >= 1.0) & is_cosine

    @property
    def _total(self) -> int:
        """How many passages are allowed."""
        return self.snapshot.count(self.allowed)
