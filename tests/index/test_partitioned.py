"""Parts side by side: one list of candidates."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch.common.documents import Metric
from semsearch.index import ApproximateIndex, Part, Point, Reach, bitmap_of
from tests.support.brute_force import METRICS, asked, stored, true_scores

SPANS = ((0, 64), (64, 72), (72, 200))


def parts(matrix, factory, metric, spans=SPANS):
    """Parts over neighbouring rows."""
    blocks = [(start, matrix[start:stop]) for start, stop in spans]
    return [Part.build(factory, matrix.shape[1], metric, start, block, [block]) for start, block in blocks]


@pytest.fixture(params=METRICS)
def metric(request):
    """One of the metrics."""
    return request.param


@pytest.mark.parametrize("count", [1, 10, 100, 200, 300])
def test_exact_parts_give_the_nearest_rows_in_order(metric, count):
    """Candidates of all parts are merged by distance, nearest first, whichever direction the metric has."""
    matrix, queries = stored(200, 6, metric), asked(5, 6, metric)
    index = ApproximateIndex(parts(matrix, "Flat", metric), metric)
    assert index.covered == 200
    assert index.effort_limit == 0
    found = index.candidates(queries, count, Reach(1))
    truth = true_scores(queries, matrix, metric)
    assert found.shape == (5, min(count, 200))
    got = np.take_along_axis(truth, found, axis=1)
    np.testing.assert_allclose(got, -np.sort(-truth, axis=1)[:, :count], atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 16])
def test_threads_share_the_parts(metric, threads):
    """There are as many searches as parts can be divided into; each gives in order the nearest rows of its parts."""
    matrix, queries = stored(200, 6, metric), asked(5, 6, metric)
    index = ApproximateIndex(parts(matrix, "Flat", metric), metric)
    truth = true_scores(queries, matrix, metric)
    found = [search(150)[1] for search in index.searches(queries, Reach(1), threads=threads)]
    assert len(found) == min(threads, len(SPANS))
    for ids in found:
        assert (np.diff(np.take_along_axis(truth, ids, axis=1), axis=1) <= 1e-5).all()
    best = np.argsort(-truth, axis=1)[:, :150]
    for row, wanted in zip(np.concatenate(found, axis=1).tolist(), best.tolist(), strict=True):
        assert set(wanted) <= set(row)
        assert len(set(row)) == len(row)


def test_a_filter_is_cut_into_the_parts(metric):
    """Each part gets its own bits; places that cannot be taken are -1 and come last, in l2 as elsewhere."""
    matrix, queries = stored(200, 6, metric), asked(5, 6, metric)
    index = ApproximateIndex(parts(matrix, "Flat", metric), metric)
    truth = true_scores(queries, matrix, metric)
    for allowed in ([3, 63, 64, 71, 72, 199], [66], [], range(0, 200, 7)):
        allowed = np.array(list(allowed), dtype=np.int64)
        (search,) = index.searches(queries, Reach(1), bitmap_of(200, allowed))
        distances, found = search(50)
        assert (np.diff(distances[:, : len(allowed)], axis=1) <= 1e-5).all()
        assert ((distances == -np.inf) == (found == -1)).all()
        taken = min(50, len(allowed))
        assert (found[:, taken:] == -1).all()
        assert all(sorted(row) == sorted(allowed.tolist()) for row in found[:, :taken].tolist() if taken < 50)
        got = np.take_along_axis(truth, found[:, :taken], axis=1)
        np.testing.assert_allclose(got, -np.sort(-truth[:, allowed], axis=1)[:, :taken], atol=1e-5)


def test_the_largest_effort_is_that_of_the_largest_part():
    """Parts have efforts of their own; without parts there are none, nor rows nor candidates to ask for."""
    matrix = stored(200, 6)
    lists = parts(matrix, "IVF8,Flat", Metric.COSINE, SPANS[:1]) + parts(matrix, "IVF4,Flat", Metric.COSINE, SPANS[1:2])
    assert ApproximateIndex(lists, Metric.COSINE).effort_limit == 8
    empty = ApproximateIndex([], Metric.COSINE)
    assert (empty.covered, empty.effort_limit) == (0, 0)


def test_parts_leave_no_gap():
    """Parts that are not neighbours, or in another order, are no index."""
    first, second, third = parts(stored(200, 6), "Flat", Metric.COSINE)
    for wrong in ([first, third], [second, first]):
        with pytest.raises(AssertionError):
            ApproximateIndex(wrong, Metric.COSINE)


@pytest.mark.parametrize(("k", "count"), [(1, 35), (9, 35), (10, 35), (11, 38), (20, 54), (1000, 2000)])
def test_more_results_take_more_candidates(k, count):
    """Up to ten results take as many as were measured, and more in proportion, rounded up."""
    assert Point(Reach(1), candidates=35).count(k) == count
