"""Which lists a query looks at: those near enough to it, compared with plain arithmetic and with FAISS's own search."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.common.documents import Metric
from semsearch.index import ApproximateIndex, Part, Reach, bitmap_of
from semsearch.index import inverted_lists as lists
from tests.support.brute_force import asked, candidates, stored

ROWS = 400
FACTORIES = (
    "IVF8,Flat",
    "IVF8,PQ4x4fs_64",
    "IVF8,PQ4x4fs",
    "IVF8,SQ8",
    "IVF8,PQ4x4",
    "PCAR4,IVF8,PQ2x4fs",
    "IVF8,RaBitQ",
)


@pytest.fixture(autouse=True)
def little_is_worth_a_thread(monkeypatch):
    """So that few rows are shared."""
    monkeypatch.setattr(lists, "SHARE_BYTES", 1)


def built(factory, metric=Metric.COSINE, first=0):
    """A part over random rows, and the rows."""
    matrix = stored(ROWS, 8, metric, seed=first)
    return Part.build(factory, 8, metric, first, matrix, [matrix]), matrix


def list_of_each_row(part):
    """The list that each row is in, int64[rows]."""
    inner = part._inner
    found = np.full(ROWS, -1)
    for number in range(inner.nlist):
        size = inner.invlists.list_size(number)
        found[faiss.rev_swig_ptr(inner.invlists.get_ids(number), size)] = number
    return found


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("factory", FACTORIES)
def test_with_a_margin_beyond_all_lists_the_answer_is_that_of_all_lists(factory, metric):
    """Rows and distances are FAISS's own, however many queries ask at a time."""
    part, _ = built(factory, metric, first=80)
    queries = 3 * asked(7, 8, metric)
    expected = candidates(part, queries, 30, Reach(8))
    for some in (slice(0, 7), slice(2, 3)):
        distances, ids = candidates(part, queries[some], 30, Reach(8, np.inf))
        np.testing.assert_allclose(distances, expected[0][some], rtol=1e-5, atol=1e-5)
        assert np.mean(ids == expected[1][some]) > 0.95  # rows of equal distance may stand for each other


@pytest.mark.parametrize("metric", list(Metric))
@given(margin=st.floats(-1.5, 3), seed=st.integers(0, 5))
def test_rows_come_from_the_lists_within_the_margin_and_the_nearest(metric, margin, seed):
    """A list counts whose score, by plain arithmetic, is at least half of the best less the margin."""
    part, _ = built("IVF8,Flat", metric)
    queries = 2 * asked(5, 8, metric, seed)
    _, ids = candidates(part, queries, ROWS, Reach(8, margin))
    centroids = part._inner.quantizer.reconstruct_n(0, 8).astype(np.float64)
    if metric is Metric.L2:
        scores = -((queries[:, None, :] - centroids) ** 2).sum(axis=2)
    else:
        scores = queries @ centroids.T / np.linalg.norm(queries, axis=1, keepdims=True)
    behind = scores.max(axis=1, keepdims=True) / 2 - scores
    wanted = (behind <= margin) | (scores == scores.max(axis=1, keepdims=True))
    doubtful = np.abs(behind - margin) < 1e-4
    place = list_of_each_row(part)
    for row, here, unsure in zip(ids, wanted, doubtful, strict=True):
        found = set(row[row >= 0].tolist())
        assert set(np.flatnonzero((here & ~unsure)[place])) <= found
        assert found <= set(np.flatnonzero((here | unsure)[place]))


def test_a_filter_holds_within_the_margin():
    """No row comes that is not allowed."""
    part, _ = built("IVF8,PQ4x4fs_64")
    allowed = np.arange(0, ROWS, 3)
    _, ids = candidates(part, asked(4, 8), 60, Reach(8, 0.4), bitmap_of(ROWS, allowed))
    assert np.isin(ids[ids >= 0], allowed).all()
    assert (ids >= 0).any()


@pytest.mark.parametrize("metric", list(Metric))
def test_the_margin_of_an_effort_is_so_many_lists_on_the_average(metric):
    """Counted over queries and parts; all lists need no margin, and an index without lists has none."""
    parts = [built("IVF8,PQ4x4fs_64", metric)[0], built("IVF8,PQ4x4fs_64", metric, ROWS)[0]]
    index, queries = ApproximateIndex(parts, metric), asked(200, 8, metric)
    for effort in (1, 3, 6):
        reach = index.reach(queries, effort)
        counts = [(part.distances_behind(queries) <= reach.margin).sum(axis=1).mean() for part in parts]
        assert reach.effort == effort
        assert np.mean(counts) == pytest.approx(effort, abs=0.1)
    assert index.reach(queries, 8) == Reach(8)
    for factory in ("HNSW8", "Flat", "IVF1,PQ4x4fs_64"):
        assert ApproximateIndex([built(factory)[0]], Metric.COSINE).reach(asked(9, 8), 1) == Reach(1)


@pytest.mark.parametrize("threads", [2, 3, 5, 16])
@pytest.mark.parametrize("factory", ["IVF8,Flat", "HNSW8", "IVF8,PQ4x4fs_64"])
def test_threads_share_the_lists_of_a_query(factory, threads):
    """However many they are, what they find together begins with what one thread finds, and no row comes twice."""
    parts = [built(factory, first=number * ROWS)[0] for number in range(3)]
    queries = asked(6, 8)
    for some in (parts[:1], parts):
        index = ApproximateIndex(some, Metric.COSINE)
        for reach in (Reach(8), Reach(2), Reach(3, 0.2), Reach(1, -9)):
            (alone,) = (search(40) for search in index.searches(queries, reach))
            searches = index.searches(queries, reach, threads=threads)
            assert len(searches) <= threads
            distances, ids = (np.concatenate(both, axis=1) for both in zip(*(one(40) for one in searches), strict=True))
            assert all(len(set(row[row >= 0])) == np.count_nonzero(row >= 0) for row in ids)
            np.testing.assert_allclose(-np.sort(-distances, axis=1)[:, :40], alone[0], rtol=1e-5, atol=1e-5)


def test_little_is_not_shared(monkeypatch):
    """A thread is woken for so many bytes of codes."""
    part, _ = built("IVF8,Flat")  # 400 rows of 32 bytes
    for size, shares in ((20_000, 1), (12_800, 2), (4_300, 3), (1, 3)):
        monkeypatch.setattr(lists, "SHARE_BYTES", size)
        assert len(part.searches(asked(1, 8), Reach(8), shares=3)) == shares
        assert len(part.searches(asked(2, 8), Reach(8), shares=3)) == min(3, 1 + 2 * 12_800 // size)


def test_zero_queries_and_a_zero_vector_are_answered():
    """No query gives no row of answers; a vector of zeros, whose length divides nothing, gives rows."""
    part, _ = built("IVF8,Flat", Metric.DOT)
    assert candidates(part, np.empty((0, 8), np.float32), 5, Reach(8, 0.1))[1].shape == (0, 5)
    assert (candidates(part, np.zeros((1, 8), np.float32), 5, Reach(8, 0.1))[1] >= 0).all()


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("factory", ["PCAR6,IVF8,PQ3x4fs", "PCA8,IVF8,Flat", "L2norm,IVF8,Flat"])
def test_transforms_that_centre_see_the_query_as_it_is(factory, metric):
    """Rows with a mean and queries of any length: the same rows as FAISS finds in all lists by itself."""
    matrix = stored(ROWS, 8, metric) + np.float32(2)
    part = Part.build(factory, 8, metric, 0, matrix, [matrix])
    queries = 5 * asked(20, 8, metric) + np.float32(1)
    part._inner.nprobe = 8
    expected = part._faiss.search(queries, 30)[1]
    assert np.mean(candidates(part, queries, 30, Reach(8, np.inf))[1] == expected) > 0.95
