"""Hybrid retrieval by reciprocal ranks (Cormack, Clarke and Büttcher 2009): scores of any scale, no weights.

    score = 1 / (60 + rank by meaning) + 1 / (60 + rank by words)

Each list has its first ``LISTED`` passages; what a list has not adds nothing. Passages that neither has come after all
others, in the order of meaning, with the score 0. So the order is the same however many are wanted.
"""

from __future__ import annotations

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.index import Bitmap
from semsearch.lexical.row_scores import RowScores
from semsearch.query.hits import Candidates
from semsearch.query.retrieval.dense import DENSE
from semsearch.query.retrieval.lexical import LEXICAL
from semsearch.storage.snapshot import Snapshot

__all__ = ["LISTED", "fuse_ranks"]

LISTED = 1000
"""Passages of each list."""
SMOOTHING = 60
"""What is added to a rank; the authors' constant."""


def fuse_ranks(
    snapshot: Snapshot, query: Float32, lexical: RowScores, allowed: Bitmap | None, nearest: tuple[Float32, Int64]
) -> Candidates:
    """All passages of both lists, best first, and behind them the others that are ``nearest``.

    ``query`` is float32[1, dimension], ``lexical`` the lexical scores, 0 for what is not allowed. ``nearest``
    are dense scores and rows, best first, at least ``LISTED`` if there are so many.
    """
    scores, rows = nearest
    by_words = lexical.best(LISTED)
    only_words = np.sort(np.setdiff1d(by_words, rows, assume_unique=True))
    if len(only_words):
        found, order = snapshot.searcher.rows.search_among(query, len(only_words), only_words)
        scores, rows = np.concatenate([scores, found[0]]), np.concatenate([rows, order[0]])
    fused = _share(rows, nearest[1][:LISTED]) + _share(rows, by_words)
    parts = {DENSE: scores, LEXICAL: lexical.values[rows]}
    total = snapshot.count(allowed)
    order = np.lexsort((rows, -scores, -fused))
    best = float(nearest[0][0]) if len(nearest[0]) else None
    return Candidates(rows, fused.astype(np.float32), parts, total, best_dense=best).take(order)


def _share(rows: Int64, ranked: Int64) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What each row gets for its place among those ranked."""
    order = np.argsort(ranked)
    if not len(ranked):
        return np.zeros(len(rows))
    places = np.minimum(np.searchsorted(ranked, rows, sorter=order), len(ranked) - 1)
    ranks = order[places] + 1
    return np.where(ranked[order[places]] == rows, 1 / (SMOOTHING + ranks), 0)
