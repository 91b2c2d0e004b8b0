"""One search over an index, the rows behind it and a filter: always k hits, never a wrong one."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.documents import Metric
from semsearch.index import ApproximateIndex, Part, Point, Reach, Rows, Searcher, bitmap_of
from semsearch.index import inverted_lists as lists
from semsearch.index import rows as rows_module
from semsearch.index import searcher as module
from tests.support.brute_force import METRICS, StridedRows, asked, check_exact, check_honest, stored, true_scores, unit
from tests.support.memory_rows import MemoryRows
from tests.support.opened import with_threads

ROWS = 300
DIMENSION = 6
FACTORIES = ("IVF1,PQ8x4fs", "IVF8,Flat", "HNSW4", "PQ4x4fs", "PQ4x4", "SQ8", "RaBitQfs", "PCA4,IVF4,Flat")
NONE = "none"
SPANS = {96: ((0, 96),), 200: ((0, 64), (64, 200)), 203: ((0, 64), (64, 203)), ROWS: ((0, 128), (128, ROWS))}


@functools.cache
def matrix_of(metric):
    """The rows: some of them come twice, and one is zeros."""
    found = stored(ROWS, DIMENSION, metric)
    found[50:60] = found[150:160]
    found[77] = 0
    return found


@functools.cache
def index_of(factory, metric, covered):
    """An index over the first rows, in one part or several."""
    matrix = matrix_of(metric)
    spans = () if factory == NONE else SPANS[covered]
    blocks = [(start, matrix[start:stop]) for start, stop in spans]
    parts = [Part.build(factory, DIMENSION, metric, start, block, [block]) for start, block in blocks]
    return ApproximateIndex(parts, metric)


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch):
    """Few rows are many here, so that filters reach the index and batches are divided."""
    monkeypatch.setattr(module, "NARROW_ROWS", 2)
    monkeypatch.setattr(module, "NARROW_SHARE", 100)
    monkeypatch.setattr(module, "CHUNK", 3)
    monkeypatch.setattr(rows_module, "SCAN_ROWS", 64)
    monkeypatch.setattr(rows_module, "THREAD_ROWS", 32)


FILTERS = st.one_of(
    st.none(),
    st.tuples(st.floats(0, 1), st.integers(0, 1000)).map(
        lambda pair: np.flatnonzero(np.random.default_rng(pair[1]).random(ROWS) < pair[0])
    ),
    st.sets(st.integers(0, ROWS - 1), max_size=12).map(lambda ids: np.array(sorted(ids), dtype=np.int64)),
    st.sampled_from([range(0), range(ROWS), range(ROWS - 5, ROWS), range(200, ROWS), range(100), range(7, 9)]).map(
        lambda ids: np.array(ids, dtype=np.int64)
    ),
)


@given(
    factory=st.sampled_from([NONE, *FACTORIES]),
    metric=st.sampled_from(METRICS),
    covered=st.sampled_from(list(SPANS)),
    allowed=FILTERS,
    k=st.one_of(st.integers(1, 20), st.integers(1, ROWS + 50)),
    queries=st.sampled_from([1, 2, 7, 20]),
    threads=st.sampled_from([1, 2, 3]),
    effort=st.sampled_from([0, 1, 4, 500]),
    candidates=st.sampled_from([1, 10, 60, 2400]),
    seed=st.integers(0, 9),
)
@settings(deadline=None, max_examples=250)
def test_always_k_allowed_rows_with_their_true_scores(
    factory, metric, covered, allowed, k, queries, threads, effort, candidates, seed
):
    """Whatever the index, what it covers, and how little it looks at: min(k, allowed) rows, each once, none outside."""
    matrix, wanted = matrix_of(metric), asked(queries, DIMENSION, metric, seed)
    rows = Rows(StridedRows(matrix), DIMENSION, metric)
    searcher = Searcher(rows, index_of(factory, metric, covered), Point(Reach(effort), candidates))
    bitmap = None if allowed is None else bitmap_of(ROWS, allowed)
    truth = true_scores(wanted, matrix, metric)
    expected = min(k, ROWS if allowed is None else len(allowed))
    check_honest(with_threads(searcher, threads).search(wanted, k, bitmap), truth, expected, allowed)
    check_exact(with_threads(searcher, threads).without_index().search(wanted, k, bitmap), truth, expected, allowed)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("covered", list(SPANS))
@pytest.mark.parametrize("threads", [1, 2])
def test_with_an_index_that_misses_nothing_the_answer_is_exact(metric, covered, threads):
    """Candidates of the index and the rows behind it are merged by their true scores, whichever has the best."""
    matrix, wanted = matrix_of(metric), asked(8, DIMENSION, metric)
    rows = Rows(StridedRows(matrix), DIMENSION, metric)
    searcher = Searcher(rows, index_of("SQ8", metric, covered), Point(Reach(0), 80))
    truth = true_scores(wanted, matrix, metric)
    for allowed in (None, np.arange(0, ROWS, 2), np.arange(90, 260), np.arange(covered - 1, covered + 8) % ROWS):
        bitmap = None if allowed is None else bitmap_of(ROWS, np.sort(allowed))
        for k in (1, 10, 50):
            found = with_threads(searcher, threads).search(wanted, k, bitmap)
            check_exact(found, truth, min(k, ROWS if allowed is None else len(allowed)), allowed)


@pytest.mark.parametrize("metric", METRICS)
def test_new_rows_are_found_at_once(metric):
    """A row behind the index that is the query itself is the first hit, though the index knows nothing of it."""
    matrix = matrix_of(metric)
    searcher = Searcher(
        Rows(MemoryRows(matrix), DIMENSION, metric), index_of("HNSW4", metric, 203), Point(Reach(1), 10)
    )
    query = matrix[203:ROWS] * (3 if metric is Metric.DOT else 1)
    _, ids = searcher.search(query, 3)
    best = np.argmax(true_scores(query, matrix[203:], metric), axis=1) + 203
    assert all(one in row for one, row in zip(best.tolist(), ids.tolist(), strict=True)) or metric is Metric.DOT
    if metric is not Metric.DOT:
        assert ids[:, 0].tolist() == list(range(203, ROWS))


def test_narrow_filters_never_ask_the_index():
    """A set of few rows is scored row by row, and so is one of few in proportion; a wide one asks the index."""
    matrix = matrix_of(Metric.COSINE)

    class Forbidden(ApproximateIndex):
        def searches(self, *_, **__):
            raise LookupError

    index = Forbidden(index_of("SQ8", Metric.COSINE, 200).parts, Metric.COSINE)
    searcher = Searcher(Rows(MemoryRows(matrix), DIMENSION), index, Point(Reach(0), 50))
    wanted = asked(2, DIMENSION)
    truth = true_scores(wanted, matrix, Metric.COSINE)
    for allowed in (np.arange(3), np.array([5, 299, 120])):  # a hundredth of the rows
        check_exact(searcher.search(wanted, 2, bitmap_of(ROWS, allowed)), truth, 2, allowed)
    for allowed in (np.arange(4), np.arange(150)):
        with pytest.raises(LookupError):
            searcher.search(wanted, 2, bitmap_of(ROWS, allowed))


class Liar(ApproximateIndex):
    """An index that does not keep to the filter, gives too little, or nothing."""

    answer: object

    def searches(self, queries, *_, **__):
        """Whatever it was told to say."""

        def search(count):
            ids = np.tile(np.array(self.answer[:count], dtype=np.int64), (len(queries), 1))
            return np.zeros(ids.shape, np.float32), ids

        return [search]


@pytest.mark.parametrize(
    "answer", [[], [-1] * 10, [5, 7, 9], [4, -1, 6, -1, -1], list(range(1, 200, 2)), list(range(200))]
)
@pytest.mark.parametrize("covered", [200, ROWS])
def test_an_index_that_breaks_the_filter_or_falls_short_is_made_good(answer, covered):
    """Of the even rows k are found, though the index proposes odd ones, too few or none."""
    matrix = matrix_of(Metric.COSINE)
    index = Liar(index_of("SQ8", Metric.COSINE, covered).parts, Metric.COSINE)
    index.answer = answer
    searcher = Searcher(Rows(MemoryRows(matrix), DIMENSION), index, Point(Reach(0), 200))
    wanted, allowed = asked(3, DIMENSION), np.arange(0, ROWS, 2)
    truth = true_scores(wanted, matrix, Metric.COSINE)
    check_honest(searcher.search(wanted, 8, bitmap_of(ROWS, allowed)), truth, 8, allowed)
    check_honest(searcher.search(wanted, 150, bitmap_of(ROWS, allowed)), truth, 150, allowed)
    check_honest(searcher.search(wanted, 250), truth, 250)


@pytest.mark.parametrize("factory", [NONE, "IVF1,PQ8x4fs"])
def test_many_queries_are_answered_like_each_alone(factory):
    """Batches of any size give what their queries give one by one, in their order, in any number of threads."""
    matrix = matrix_of(Metric.COSINE)
    searcher = Searcher(Rows(MemoryRows(matrix), DIMENSION), index_of(factory, Metric.COSINE, 203), Point(Reach(1), 40))
    wanted = asked(200, DIMENSION)
    alone = [searcher.search(wanted[number : number + 1], 5) for number in range(200)]
    for threads in (1, 2, 4):
        scores, _ = with_threads(searcher, threads).search(wanted, 5)
        np.testing.assert_allclose(scores, np.concatenate([one for one, _ in alone]), atol=1e-5)


@pytest.mark.parametrize("exact", [False, True])
def test_nothing_to_find(exact):
    """Without queries, without rows, or with an empty filter there are no hits, in the right shape."""
    searcher = Searcher(
        Rows(MemoryRows(matrix_of(Metric.COSINE)), DIMENSION), index_of("SQ8", Metric.COSINE, 200), Point(Reach(0), 50)
    )
    nobody = bitmap_of(ROWS, np.empty(0, np.int64))
    empty = Searcher(
        Rows(MemoryRows(np.empty((0, DIMENSION))), DIMENSION), ApproximateIndex([], Metric.COSINE), Point(Reach(0), 50)
    )
    for found, shape in (
        ((searcher.without_index() if exact else searcher).search(asked(0, DIMENSION), 5), (0, 0)),
        ((searcher.without_index() if exact else searcher).search(asked(3, DIMENSION), 5, nobody), (3, 0)),
        ((empty.without_index() if exact else empty).search(asked(3, DIMENSION), 5), (3, 0)),
    ):
        assert found[0].shape == found[1].shape == shape
        assert (found[0].dtype, found[1].dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("covered", [200, 203])
def test_a_score_to_reach_is_exact_with_an_index_too(metric, covered):
    """All allowed rows that reach the score are found, in the index and behind it."""
    matrix, wanted = matrix_of(metric), asked(1, DIMENSION, metric)
    searcher = Searcher(
        Rows(MemoryRows(matrix), DIMENSION, metric), index_of("HNSW4", metric, covered), Point(Reach(1), 10)
    )
    truth = true_scores(wanted, matrix, metric)[0]
    least = float(np.sort(truth)[-80:-78].mean())
    allowed = np.arange(0, ROWS, 3)
    for some in (None, allowed):
        scores, ids = searcher.rows.within(wanted, least, None if some is None else bitmap_of(ROWS, some))
        expected = [row for row in (range(ROWS) if some is None else some.tolist()) if truth[row] >= least]
        assert sorted(ids.tolist()) == expected
        np.testing.assert_allclose(scores, truth[ids], atol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_find_what_one_thread_finds(metric, threads, monkeypatch):
    """Also where all that a query is about lies in one list, and therefore in the share of one thread."""
    monkeypatch.setattr(lists, "SHARE_BYTES", 1)
    random = np.random.default_rng(4)
    centres = random.standard_normal((16, 24))
    rows = (np.repeat(centres, 400, axis=0) + 0.3 * random.standard_normal((6400, 24))).astype(np.float32)
    rows = unit(rows, metric)
    index = ApproximateIndex([Part.build("IVF16,SQ8", 24, metric, 0, rows, [rows])], metric)
    for point in (Point(Reach(6), 200), Point(Reach(6), 350), Point(Reach(16), 700), Point(Reach(3, 0.5), 100)):
        searcher = Searcher(Rows(MemoryRows(rows), 24, metric), index, point)
        for number in range(0, 6400, 320):
            query = rows[number : number + 1] + np.float32(0.01)
            alone, together = (with_threads(searcher, some).search(query, 10) for some in (1, threads))
            assert (together[0] >= alone[0]).all()  # a few more candidates may find a better row


@given(
    lengths=st.lists(st.integers(0, 30), min_size=2, max_size=5),
    each=st.integers(1, 20),
    wanted=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_a_share_that_was_cut_short_is_noticed(lengths, each, wanted, seed):
    """If a share that is not named had more of the nearest rows, they would be among those it gave."""
    random = np.random.default_rng(seed)
    each = min(each, wanted)
    shares = [-np.sort(-random.integers(0, 40, (2, length)).astype(np.float32), axis=1) for length in lengths]
    named = module._find_short_shares([share[:, :each] for share in shares], each, wanted)
    nearest = [-np.sort(-np.concatenate([share[row] for share in shares]))[:wanted] for row in (0, 1)]
    for number, share in enumerate(shares):
        hidden = [share[row, each:] for row in (0, 1)]
        needed = any(len(more) and more[0] > nearest[row][-1] for row, more in enumerate(hidden))
        assert not needed or number in named or each == wanted
    assert each < wanted or not named
