"""Nearest rows by plain arithmetic in double precision, and the comparison with it."""

from __future__ import annotations

import zlib

import numpy as np

from semsearch.common.documents import Metric
from semsearch.index import Code
from tests.support.fake_encoder import scores_of

METRICS = tuple(Metric)


def stored(count, dimension, metric=Metric.COSINE, seed=0):
    """Random rows as float16 holds them, of length 1 where the metric wants it: float32[count, dimension]."""
    found = np.random.default_rng([seed, count, dimension]).standard_normal((count, dimension)).astype(np.float32)
    return unit(found, metric).astype(np.float16).astype(np.float32)


def asked(count, dimension, metric=Metric.COSINE, seed=1):
    """Random queries."""
    found = np.random.default_rng([seed, count, dimension]).standard_normal((count, dimension)).astype(np.float32)
    return unit(found, metric)


def unit(vectors, metric):
    """Vectors of length 1 for the cosine, or as they are."""
    if metric is not Metric.COSINE:
        return vectors
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def true_scores(queries, matrix, metric):
    """Scores of all rows, float64[m, rows]."""
    queries, matrix = queries.astype(np.float64), matrix.astype(np.float64)
    if metric is Metric.L2:
        return -np.linalg.norm(queries[:, None, :] - matrix[None], axis=2)
    return queries @ matrix.T if metric is Metric.DOT else scores_of(queries, matrix)


def as_from_outside(scores, own):
    """Of a row's scores with all rows: the ids of itself and its copies, and the score of its tenth neighbour.

    Copies are above the widest of the steps down that have ten rows behind them, if it is half as wide again as
    all steps between these ten. Of fewer than ten neighbours the last counts as the tenth.
    """
    order = [int(one) for one in np.argsort(-scores, kind="stable") if one != own][:128]
    steps = {number: scores[order[number - 1]] - scores[order[number]] for number in range(1, len(order) - 9)}
    copies = max(steps, key=steps.get, default=0)
    if copies and steps[copies] <= max(1.5 * (scores[order[copies]] - scores[order[copies + 9]]), 1e-6):
        copies = 0
    return {own, *order[:copies]}, scores[order[min(copies + 9, len(order) - 1)]]


def check_honest(found, truth, k, allowed=None, atol=1e-5):
    """Each query has ``k`` places of which as many as there can be are taken, by different allowed rows.

    Scores are those of their rows and in order; ``truth`` is float64[m, rows]. Gives the taken scores.
    """
    scores, ids = found
    allowed = np.arange(truth.shape[1]) if allowed is None else np.asarray(allowed, dtype=np.int64)
    assert scores.shape == ids.shape == (len(truth), k)
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64
    count = min(k, len(allowed))
    assert (ids[:, count:] == -1).all()
    assert (scores[:, count:] == -np.inf).all()
    taken = ids[:, :count]
    assert np.isin(taken, allowed).all()
    assert all(len(set(row)) == count for row in taken.tolist())
    np.testing.assert_allclose(scores[:, :count], np.take_along_axis(truth, taken, axis=1), atol=atol, rtol=1e-5)
    assert (np.diff(scores[:, :count], axis=1) <= 0).all()
    return scores[:, :count]


def check_exact(found, truth, k, allowed=None, atol=1e-5):
    """The same, and the rows are the best there are; rows of equal score may stand for each other."""
    scores = check_honest(found, truth, k, allowed, atol)
    best = np.sort(truth if allowed is None else truth[:, np.asarray(allowed, dtype=np.int64)], axis=1)[:, ::-1]
    np.testing.assert_allclose(scores, best[:, : scores.shape[1]], atol=atol, rtol=1e-5)


class StridedRows:
    """Rows with other bytes behind each vector, as in the vector file; notes what is checked."""

    def __init__(self, vectors, behind=6, broken=()):
        values = np.ascontiguousarray(vectors, dtype="<f2").view(np.uint8)
        noise = np.random.default_rng(9).integers(0, 256, (len(vectors), behind), dtype=np.uint8)
        self.matrix = np.hstack([values, noise])
        self.code = Code.FLOAT16
        self.broken = set(broken)
        self.seen = set()

    def check(self, ids):
        """Note these rows; raise for one that is broken."""
        self._note(np.asarray(ids).tolist())

    def check_span(self, start, end):
        """Note the rows of a span."""
        self._note(range(start, end))

    def gather(self, rows, out=None):
        """Copies of some rows."""
        return self.matrix.take(rows, axis=0, out=out, mode="clip")

    def release(self, start, end):
        """Nothing is mapped."""

    def _note(self, ids):
        if self.broken & set(ids):
            raise zlib.error(f"broken {min(self.broken & set(ids))}")
        self.seen |= set(ids)


def candidates(part, queries, count, reach, allowed=None):
    """What the search of one part finds: FAISS's distances, and row numbers."""
    (search,) = part.searches(queries, reach, allowed)
    distances, ids = search(min(count, part.end - part.first))
    return distances, np.where(ids < 0, -1, ids + part.first)
