"""The neighbours of a row as a query from outside has them, against copies that were made and scores by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semsearch.common.documents import Metric
from semsearch.index import Rows
from semsearch.index.ground_truth import LOOKED_AT, is_neighbour, true_neighbours
from tests.support.brute_force import METRICS, as_from_outside, stored, true_scores, unit
from tests.support.memory_rows import MemoryRows


def copied(sizes, noise, metric, seed=0, dimension=24):
    """Random rows so many times each, with noise; and the number of the text that a row is a copy of."""
    random = np.random.default_rng([seed, len(sizes)])
    texts = np.repeat(np.arange(len(sizes)), sizes)
    matrix = random.standard_normal((len(sizes), dimension))[texts]
    matrix = unit((matrix + noise * random.standard_normal(matrix.shape)).astype(np.float32), metric)
    return matrix.astype(np.float16).astype(np.float32), texts


def told(matrix, metric, covered=None):
    """The truth of all rows, whether or not they tell something."""
    covered = len(matrix) if covered is None else covered
    rows = Rows(MemoryRows(matrix), matrix.shape[1], metric)
    return rows, true_neighbours(rows, covered, np.arange(covered))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("size", "noise"), [(2, 0.02), (10, 0.0), (10, 0.05), (50, 0.01), (118, 0.01)])
def test_copies_and_the_row_itself_do_not_count(metric, size, noise):
    """What does not count are the rows of the same text, which lie closer together than the texts do."""
    matrix, texts = copied([size] + [1] * 500, noise, metric, dimension=64)
    _, (_, truth) = told(matrix, metric)
    for row in range(size):
        assert sorted(truth[row].ignored.tolist()) == np.flatnonzero(texts == 0).tolist()
        assert not set(truth[row].rows.tolist()) & set(range(size))


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.L2])
@pytest.mark.parametrize("dimension", [2, 8, 64])
def test_rows_without_copies_keep_their_neighbours(metric, dimension):
    """Of rows that lie anywhere few are taken for copies of each other."""
    _, (_, truth) = told(stored(1500, dimension, metric), metric)
    assert np.mean([len(one.ignored) > 1 for one in truth]) < 0.3
    assert np.median([len(one.ignored) for one in truth]) == 1


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=25),
    st.sampled_from([0.0, 0.01, 0.1, 0.5]),
    st.sampled_from(METRICS),
    st.integers(0, 1000),
)
@settings(deadline=None)
def test_the_truth_is_what_all_scores_say(sizes, noise, metric, seed):
    """Rows that do not count, the tenth score and the neighbours of that score or a higher one are those counted."""
    matrix, _ = copied(sizes, noise, metric, seed)
    assume(len(matrix) > 1)
    rows, (queries, truth) = told(matrix, metric)
    np.testing.assert_array_equal(queries, matrix)
    scores = true_scores(matrix, matrix, metric)
    own = np.random.default_rng(seed).integers(len(matrix))
    steps = np.sort(-np.delete(scores[own], own))[:LOOKED_AT]
    wide = np.sort(np.diff(steps)[: max(0, len(steps) - 10)])[-2:]
    assume(len(wide) < 2 or wide[1] - wide[0] > 1e-3)  # else rounding decides which step is the widest
    uncounted, tenth = as_from_outside(scores[own], own)
    one = truth[own]
    assert set(one.ignored.tolist()) == uncounted
    assert one.least == pytest.approx(tenth, abs=1e-4)
    found = is_neighbour(rows, queries[own], np.arange(len(matrix)), one)
    counted = [row for row in range(len(matrix)) if row not in uncounted]
    apart = np.abs(scores[own, counted] - tenth) > 1e-4
    np.testing.assert_array_equal(found[: len(counted)][apart], (scores[own, counted] >= tenth)[apart])
    assert found[: len(counted)].sum() >= min(10, len(counted))
    assert not found[len(counted) :].any()


def test_the_index_may_cover_less_than_all():
    """Rows behind the covered ones are nobody's neighbours."""
    _, (_, truth) = told(stored(60, 8), Metric.COSINE, covered=40)
    assert len(truth) == 40
    assert max(one.rows.max() for one in truth) < 40


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_see_only_their_equals_are_not_asked(metric):
    """Of so many duplicates that nothing else is seen none is a query, but for want of others all are."""
    equal = np.repeat(stored(1, 24, metric), LOOKED_AT + 2, axis=0)
    others = stored(40, 24, metric, seed=3)
    _, (queries, truth) = told(np.concatenate([equal, others]), metric)
    np.testing.assert_array_equal(queries, others)
    assert len(truth) == len(others)
    _, (queries, truth) = told(equal, metric)
    assert len(queries) == len(truth) == len(equal)


def test_of_many_equals_any_is_a_neighbour():
    """Where more rows score the same than were looked at, candidates among them count whether they were or not."""
    matrix = np.concatenate([np.repeat(stored(1, 24), 200, axis=0), stored(4, 24, seed=5)])
    rows, (queries, truth) = told(matrix, Metric.COSINE)
    assert len(truth) == 4
    for query, one in zip(queries, truth, strict=True):
        assert not one.all_known
        assert is_neighbour(rows, query, np.arange(200), one).all()
