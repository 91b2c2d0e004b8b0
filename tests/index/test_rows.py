"""Exact search in rows where they lie, against brute force."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.documents import Metric
from semsearch.index import Rows, bitmap_of
from semsearch.index import rows as module
from semsearch.index.rows import best
from tests.support.brute_force import METRICS, StridedRows, asked, check_exact, stored, true_scores
from tests.support.memory_rows import MemoryRows

DIMENSIONS = (1, 3, 4, 50, 384, 385)
COUNT = 517


@pytest.fixture(params=METRICS)
def metric(request):
    """One of the metrics."""
    return request.param


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of few rows, so that few rows make many."""
    monkeypatch.setattr(module, "SCAN_ROWS", 100)
    monkeypatch.setattr(module, "MERGED", 2)
    monkeypatch.setattr(module, "THREAD_ROWS", 24)


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("queries", [1, 7, 20])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_search_finds_what_brute_force_finds(metric, dimension, queries, threads):
    """Ids and scores are those of all rows, sorted, however many threads, queries and results."""
    matrix, wanted = stored(COUNT, dimension, metric), asked(queries, dimension, metric)
    rows, truth = Rows(StridedRows(matrix), dimension, metric), true_scores(wanted, matrix, metric)
    for k in (1, 10, 300, COUNT + 8):
        check_exact(rows.search(wanted, k, threads=threads), truth, k, atol=1e-5 if dimension < 100 else 1e-4)


@pytest.mark.parametrize("dimension", [3, 384])
@pytest.mark.parametrize("queries", [1, 3, 20])
@pytest.mark.parametrize(("start", "end"), [(0, 64), (0, 61), (8, 9), (104, COUNT), (512, COUNT), (16, 16)])
def test_search_between_two_rows(metric, dimension, queries, start, end):
    """Only rows from the first bound up to the other one are found, numbered as in the whole."""
    matrix, wanted = stored(COUNT, dimension, metric), asked(queries, dimension, metric)
    rows, truth = Rows(StridedRows(matrix), dimension, metric), true_scores(wanted, matrix, metric)
    for threads in (1, 2):
        check_exact(rows.search(wanted, 12, start, end, threads=threads), truth, 12, np.arange(start, end))


@given(
    share=st.sampled_from([0.0, 0.002, 0.02, 0.1, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 99),
    metric=st.sampled_from(METRICS),
    queries=st.sampled_from([1, 3, 20]),
    threads=st.sampled_from([1, 2, 3]),
    k=st.sampled_from([1, 10, 600]),
    start=st.sampled_from([0, 8, 256]),
    end=st.sampled_from([None, 264, 407]),
)
@settings(deadline=None, max_examples=200)
def test_a_filter_is_kept_whatever_its_share(share, seed, metric, queries, threads, k, start, end):
    """From no row to all rows: only those that are allowed and within the bounds are found, and all the best of them.

    Sparse blocks are gathered and dense ones scanned; a bound may lie within a byte of the bitmap.
    """
    matrix, wanted = stored(COUNT, 4, metric), asked(queries, 4, metric)
    allowed = np.flatnonzero(np.random.default_rng(seed).random(COUNT) < share)
    inside = allowed[(allowed >= start) & (allowed < (end or COUNT))]
    rows, truth = Rows(StridedRows(matrix), 4, metric), true_scores(wanted, matrix, metric)
    found = rows.search(wanted, k, start, end, bitmap_of(COUNT, allowed), threads)
    check_exact(found, truth, k, inside)


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("queries", [1, 4])
@pytest.mark.parametrize("among", [1, 7, 260])
def test_search_among_some_rows(metric, dimension, queries, among):
    """The same rows are compared with all queries."""
    matrix, wanted = stored(COUNT, dimension, metric), asked(queries, dimension, metric)
    ids = np.random.default_rng(5).permutation(COUNT)[:among].astype(np.int64)
    rows, truth = Rows(StridedRows(matrix), dimension, metric), true_scores(wanted, matrix, metric)
    for k in (1, 10, 300):
        check_exact(rows.search_among(wanted, k, ids), truth, k, ids)


def test_search_among_no_rows(metric):
    """Without rows every place is empty."""
    rows = Rows(StridedRows(stored(9, 4, metric)), 4, metric)
    scores, ids = rows.search_among(asked(2, 4), 3, np.empty(0, np.int64))
    assert ids.tolist() == [[-1] * 3] * 2
    assert (scores == -np.inf).all()


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_candidates_get_their_true_scores(metric, dimension):
    """Each query has candidates of its own, of which -1 is none; the best k of them are given."""
    matrix, wanted = stored(COUNT, dimension, metric), asked(5, dimension, metric)
    rows, truth = Rows(StridedRows(matrix), dimension, metric), true_scores(wanted, matrix, metric)
    generator = np.random.default_rng(4)
    candidates = np.stack([generator.permutation(COUNT)[:40] for _ in wanted]).astype(np.int64)
    candidates[1, ::2] = -1
    candidates[2, 3:] = -1
    for k in (1, 10, 50):
        scores, ids = rows.rescore(wanted, candidates, k)
        for number, row in enumerate(candidates):
            found = scores[number : number + 1], ids[number : number + 1]
            check_exact(found, truth[number : number + 1], k, row[row >= 0])


def test_a_query_without_candidates_has_empty_places(metric):
    """When a filter has taken all candidates of a query away, the others' are scored all the same."""
    matrix, wanted = stored(20, 4, metric), asked(2, 4, metric)
    rows, truth = Rows(StridedRows(matrix), 4, metric), true_scores(wanted, matrix, metric)
    candidates = np.array([[-1, -1, -1], [4, -1, 9]])
    scores, ids = rows.rescore(wanted, candidates, 2)
    assert ids[0].tolist() == [-1, -1]
    assert (scores[0] == -np.inf).all()
    check_exact((scores[1:], ids[1:]), truth[1:], 2, [4, 9])


def test_all_rows_that_reach_a_score(metric):
    """Every row of this score or more is given, best first; all or none where the bound lies below or above all."""
    matrix, wanted = stored(COUNT, 50, metric), asked(1, 50, metric)
    rows, truth = Rows(StridedRows(matrix), 50, metric), true_scores(wanted, matrix, metric)[0]
    middle = np.sort(truth)
    allowed = np.arange(0, COUNT, 3)
    for least in (-1e6, (middle[0] + middle[1]) / 2, (middle[-9] + middle[-10]) / 2, 0.0, middle[-1] + 0.1, 1e6):
        for some in (None, allowed):
            scores, ids = rows.within(wanted, least, None if some is None else bitmap_of(COUNT, some))
            expected = [row for row in (range(COUNT) if some is None else some) if truth[row] >= least]
            assert sorted(ids.tolist()) == sorted(expected)
            np.testing.assert_allclose(scores, truth[ids], atol=1e-5, rtol=1e-5)
            assert (np.diff(scores) <= 0).all()
    assert len(rows.within(wanted, -1e6, bitmap_of(COUNT, allowed[:0]))[1]) == 0


@pytest.mark.parametrize("dimension", [3, 50])
def test_a_row_reaches_its_own_score(metric, dimension):
    """A bound that is the very score that a search gave includes the row it gave it to."""
    matrix, wanted = stored(COUNT, dimension, metric), asked(1, dimension, metric)
    rows = Rows(StridedRows(matrix), dimension, metric)
    scores, ids = rows.search(wanted, COUNT)
    missed = [
        (float(score), row)
        for score, row in zip(scores[0], ids[0].tolist(), strict=True)
        if row not in rows.within(wanted, float(score))[1]
    ]
    assert missed == []


def test_the_distance_to_itself_is_nothing():
    """With l2 a row is at distance 0 of itself, and is what reaches 0."""
    matrix = stored(60, 8, Metric.L2)
    rows = Rows(StridedRows(matrix), 8, Metric.L2)
    scores, ids = rows.within(matrix[7:8], 0.0)
    assert (ids.tolist(), scores.tolist()) == ([7], [0])
    assert len(rows.within(matrix[7:8], 1e-9)[0]) == 0


@pytest.mark.parametrize("metric", [Metric.DOT, Metric.L2])
@pytest.mark.parametrize("size", [1e-3, 300.0])
def test_rows_of_any_length(metric, size):
    """Short and long vectors are compared as exactly as float32 can."""
    matrix = (stored(200, 40, metric) * np.float32(size)).astype(np.float16).astype(np.float32)
    wanted = asked(3, 40, metric) * np.float32(size)
    truth = true_scores(wanted, matrix, metric)
    check_exact(Rows(StridedRows(matrix), 40, metric).search(wanted, 9), truth, 9, atol=1e-5 * size * size)


@pytest.mark.parametrize("queries", [1, 5, 20])
def test_rows_far_from_the_origin_are_told_apart(queries):
    """With l2 the small distances between long vectors are not lost among their lengths, in batches as alone."""
    generator = np.random.default_rng(3)
    matrix = (1000 + generator.standard_normal((COUNT, 64))).astype(np.float16).astype(np.float32)
    wanted = (1000 + generator.standard_normal((queries, 64))).astype(np.float32)
    truth = true_scores(wanted, matrix, Metric.L2)
    check_exact(Rows(StridedRows(matrix), 64, Metric.L2).search(wanted, 10), truth, 10, atol=1e-3)


def test_rows_are_taken_as_they_were_given():
    """Any rows in any order, and blocks of neighbouring ones, as float32 without what lies behind them."""
    matrix = stored(40, 5)
    for source in (MemoryRows(matrix), StridedRows(matrix), StridedRows(matrix, behind=4)):
        rows = Rows(source, 5)
        assert len(rows) == 40
        ids = np.array([39, 0, 7, 7], dtype=np.int64)
        np.testing.assert_array_equal(rows.take(ids), matrix[ids])
        np.testing.assert_array_equal(rows.block(3, 31), matrix[3:31])
        assert rows.take(ids).dtype == rows.block(0, 2).dtype == np.float32


def every_use(rows, query):
    """Calls that make the scores or the numbers of the rows 16 to 39 count."""
    ids = np.arange(16, 40, dtype=np.int64)
    return {
        "search": lambda: rows.search(query, 3, 16, 40),
        "filtered": lambda: rows.search(query, 3, 16, 40, bitmap_of(80, ids[3:])),
        "search_among": lambda: rows.search_among(query, 3, ids),
        "rescore": lambda: rows.rescore(query, np.append(ids, -1)[None], 3),
        "take": lambda: rows.take(ids),
        "block": lambda: rows.block(16, 40),
    }


@pytest.mark.parametrize("use", [*every_use(None, None), "within"])
def test_no_row_counts_before_it_was_checked(use):
    """Every way to a score or a vector asks the source about the rows that it looks at."""
    source = StridedRows(stored(80, 4))
    rows, query = Rows(source, 4), asked(1, 4)
    calls = every_use(rows, query) | {"within": lambda: rows.within(query, 0.1)}
    calls[use]()
    assert source.seen >= set(range(19, 40))
    source.broken = {23}
    with pytest.raises(zlib.error, match="broken 23"):
        calls[use]()


def test_duplicates_are_different_rows():
    """Of many equal rows as many are found as are asked for, none of them twice."""
    matrix = np.repeat(stored(1, 6), COUNT, axis=0)
    rows = Rows(StridedRows(matrix), 6)
    for queries, threads in ((1, 1), (1, 3), (2, 1), (2, 2), (20, 1), (20, 2)):
        wanted = asked(queries, 6)
        check_exact(rows.search(wanted, 20, threads=threads), true_scores(wanted, matrix, Metric.COSINE), 20)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(1, 12))
@settings(deadline=None)
def test_best_sorts_by_score_and_then_by_id(values, k):
    """The k best places in order; of equal scores the lower ids."""
    scores = np.array([values], np.float32)
    ids = np.arange(len(values), dtype=np.int64)[None]
    expected = sorted(range(len(values)), key=lambda place: (-values[place], place))[:k]
    got_scores, got = best(scores, ids, k)
    assert got_scores[0].tolist() == [values[place] for place in got[0]]
    assert got_scores[0].tolist() == [values[place] for place in expected]
    if len(values) <= 4 * k:
        assert got[0].tolist() == expected
