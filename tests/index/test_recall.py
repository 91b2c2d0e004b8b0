"""Measured recall against recall that is counted by hand, and the choice of an operating point."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from semsearch.common.documents import Metric
from semsearch.index import ApproximateIndex, Part, Point, Reach, Rows, Target, recall, tune
from semsearch.index import ground_truth as truth
from tests.support.brute_force import METRICS, as_from_outside, asked, stored, true_scores, unit
from tests.support.memory_rows import MemoryRows

ROWS = 380


def built(matrix, factory, metric=Metric.COSINE, covered=None):
    """Rows and an index over the first of them."""
    part = Part.build(factory, matrix.shape[1], metric, 0, matrix[:covered], [matrix[:covered]])
    return Rows(MemoryRows(matrix), matrix.shape[1], metric), ApproximateIndex([part], metric)


def counted(matrix, index, point, metric):
    """Recall of every covered row as a query: neighbours that score as high as the tenth best that counts."""
    covered = matrix[: index.covered]
    truth = true_scores(covered, covered, metric)
    wanted = min(10, index.covered - 1)
    found = index.candidates(covered, index.covered, point.reach)
    recalls = []
    for row, ids in enumerate(found.tolist()):
        uncounted, tenth = as_from_outside(truth[row], row)
        places = [one for one in ids if one >= 0 and one not in uncounted][: point.candidates]
        recalls.append(min(1, sum(truth[row, one] >= tenth - 1e-6 for one in places) / wanted))
    return np.array(recalls)


def held_out(rows, index, queries, point):
    """Recall of queries that are not stored."""
    tenth = rows.search(queries, 10, end=index.covered)[0][:, -1:]
    scores, _ = rows.rescore(queries, index.candidates(queries, point.candidates, point.reach), 10)
    return float((scores >= tenth - 1e-5).mean())


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("factory", ["IVF16,Flat", "IVF1,PQ4x4fs", "HNSW4", "IVF4,PQ4x4fs"])
@pytest.mark.parametrize("wanted", [0.6, 0.9])
def test_recall_is_what_counting_gives(monkeypatch, metric, factory, wanted):
    """With every row as a query the figure is the mean of what each finds, at the point that it names."""
    monkeypatch.setattr(recall, "QUERIES", ROWS)
    matrix = stored(ROWS + 25, 8, metric)
    rows, index = built(matrix, factory, metric, ROWS)
    measured = tune(rows, index, Target(recall=wanted))
    found = counted(matrix, index, measured.point, metric)
    assert (measured.queries, measured.rows) == (ROWS, ROWS)
    room = 0.02 if "fs" in factory else 1e-9  # rows of equal codes come in an order of their own
    assert measured.recall == pytest.approx(found.mean(), abs=room)
    error = 1.96 * found.std(ddof=1) / np.sqrt(ROWS) or 3 / (ROWS * 10)  # if all are found, by the rule of three
    assert measured.low == pytest.approx(found.mean() - error, abs=2 * room)
    assert measured.high == pytest.approx(min(1, found.mean() + error), abs=2 * room)
    assert measured.recall >= wanted
    assert 0 < measured.p50_ms <= measured.p95_ms


def test_a_sample_speaks_for_all(monkeypatch):
    """Recall of all rows lies within the interval that some of them gave."""
    monkeypatch.setattr(recall, "QUERIES", 150)
    matrix = stored(1500, 16)
    rows, index = built(matrix, "IVF1,PQ8x4fs")
    for wanted in (0.7, 0.9, 0.97):
        measured = tune(rows, index, Target(recall=wanted))
        assert measured.queries == 150
        assert measured.low <= counted(matrix, index, measured.point, Metric.COSINE).mean() <= measured.high
        assert measured.high - measured.low < 0.12


def test_a_perfect_recall_has_an_interval_too():
    """That no query missed anything does not prove that none ever will."""
    rows, index = built(stored(ROWS, 8), "Flat")
    measured = tune(rows, index, Target(recall=0.99))
    assert (measured.recall, measured.high) == (1, 1)
    assert 0.99 < measured.low < 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("copies", [4, 30])
def test_of_duplicates_any_will_do(metric, copies):
    """Where more than ten rows are equal, an index that finds other ones of them finds everything."""
    matrix = np.repeat(stored(360 // copies, 8, metric), copies, axis=0)
    rows, index = built(matrix, "Flat", metric)
    assert tune(rows, index, Target(recall=0.99)).recall == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("copies", "noise"), [(10, 0.0), (10, 0.02), (50, 0.02)])
@pytest.mark.parametrize("alone", [0, 3000])
def test_copies_promise_nothing_to_others(metric, copies, noise, alone):
    """Where rows have copies, that these are found does not raise the figure above what queries from outside get."""
    random = np.random.default_rng([copies, alone])
    texts = random.standard_normal(((6000 - alone) // copies + alone, 32))
    repeated = np.concatenate([texts[:alone], np.repeat(texts[alone:], copies, axis=0)])
    matrix = unit((repeated + noise * random.standard_normal(repeated.shape)).astype(np.float32), metric)
    rows, index = built(matrix, "IVF1,PQ8x4fs", metric)
    for wanted in (0.7, 0.9):
        measured = tune(rows, index, Target(recall=wanted))
        assert measured.recall >= wanted
        assert measured.recall <= held_out(rows, index, asked(500, 32, metric), measured.point) + 0.1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [2, 11, 50, 130, 300])
def test_equal_rows_are_all_found(metric, count):
    """Where there is only one vector, whatever is found is right."""
    rows, index = built(np.repeat(stored(1, 8, metric), count, axis=0), "Flat", metric)
    measured = tune(rows, index, Target(recall=0.99))
    assert (measured.recall, measured.queries) == (1, min(count, recall.QUERIES))


@pytest.mark.parametrize("count", [2, 5, 11, 12, 13, 25, 50])
def test_fewer_rows_than_neighbours(count):
    """With less than ten other rows all of them are the neighbours."""
    rows, index = built(stored(count, 8), "Flat")
    measured = tune(rows, index, Target(recall=0.9))
    assert (measured.recall, measured.queries, measured.rows) == (1, count, count)


@pytest.mark.filterwarnings("error")
def test_a_single_row_has_no_neighbour_to_miss():
    """The figures of an index over one row are numbers, since JSON has no NaN."""
    rows, index = built(stored(1, 8), "Flat")
    measured = tune(rows, index, Target(recall=0.9))
    assert all(np.isfinite(value) for value in measured.to_json().values() if value is not None)


class FakeIndex:
    """Finds the true neighbours in order, but for those hidden from an effort; time is counted, not measured."""

    def __init__(self, matrix, find, limit=100):
        self.matrix, self.find = matrix, find
        self.covered, self.effort_limit = len(matrix), limit
        self.now = 0.0
        self.asked = {}

    @staticmethod
    def cost(effort, count):
        """Milliseconds of a query."""
        return effort * 0.01 + count * 0.001

    @staticmethod
    def reach(queries, effort):
        """Every query looks equally far."""
        del queries
        return Reach(effort)

    def searches(self, queries, reach, allowed=None, threads=1):
        """One search, whose time is counted."""
        del allowed, threads

        def search(count):
            self.asked[reach.effort, count] = self.cost(reach.effort, count)
            self.now += self.cost(reach.effort, count) / 1000
            ids = self.candidates(queries, count, reach)
            return np.zeros(ids.shape, np.float32), ids

        return [search]

    def candidates(self, queries, count, reach):
        """Rows in the order of their true scores, without those that are not found."""
        effort = reach.effort
        order = np.argsort(-(queries.astype(np.float64) @ self.matrix.T.astype(np.float64)), axis=1, kind="stable")
        found = np.full((len(queries), count), -1, dtype=np.int64)
        for query, row in enumerate(order):
            kept = [one for place, one in enumerate(row) if self.find(place, one, effort)][:count]
            found[query, : len(kept)] = kept
        return found


@pytest.fixture
def fake(monkeypatch):
    """Make an index whose misses and times are known; the row itself is always the first of its neighbours.

    No row passes for a copy of another.
    """
    monkeypatch.setattr(truth, "WIDE", np.inf)

    def made(find, limit=100):
        matrix = stored(120, 8, seed=7)
        index = FakeIndex(matrix, find, limit)
        monkeypatch.setattr(recall, "time", SimpleNamespace(perf_counter=lambda: index.now))
        return Rows(MemoryRows(matrix), 8, Metric.COSINE), index

    return made


def test_a_query_does_not_count_as_its_own_neighbour(fake):
    """An index that finds nothing but the query itself has a recall of 0; one that misses only it, of 1."""
    rows, index = fake(lambda place, *_: place == 0)
    assert tune(rows, index, Target(recall=0.9)).recall == 0
    rows, index = fake(lambda place, *_: place > 0)
    assert tune(rows, index, Target(recall=0.9)).recall == 1


@pytest.mark.parametrize("missed", [1, 5, 10])
def test_each_missed_neighbour_counts_a_tenth(fake, missed):
    """Of ten neighbours the nearest are missed; further rows are no substitute."""
    rows, index = fake(lambda place, *_: not 0 < place <= missed)
    measured = tune(rows, index, Target(recall=0.9))
    assert measured.recall == pytest.approx(1 - missed / 10)
    assert measured.low <= measured.recall <= measured.high


def by_effort(place, row, effort):
    """The more effort, the fewer rows are hidden."""
    return place == 0 or (row * 37) % 100 < effort + 1


def true_recalls(index, effort, count, find=by_effort):
    """Recall of every row of the fake index by its own rule."""
    matrix = index.matrix.astype(np.float64)
    order = np.argsort(-(matrix @ matrix.T), axis=1, kind="stable")
    found = []
    for row in order:
        kept = [place for place, one in enumerate(row) if place and find(place, one, effort)][:count]
        found.append(sum(place <= 10 for place in kept) / 10)
    return np.array(found)


def surely(recalls):
    """What nine of ten such samples do not fall short of."""
    return recalls.mean() - 1.28 * recalls.std(ddof=1) / np.sqrt(len(recalls))


@pytest.mark.parametrize("wanted", [0.3, 0.6, 0.9, 0.99])
def test_a_recall_is_reached_as_fast_as_can_be(fake, wanted):
    """Of the timed points that reach the recall with confidence the fastest is chosen; what needs less does not."""
    rows, index = fake(by_effort)
    measured = tune(rows, index, Target(recall=wanted))
    assert measured.recall == pytest.approx(true_recalls(index, measured.effort, measured.candidates).mean())
    reach = [cost for point, cost in index.asked.items() if surely(true_recalls(index, *point)) >= wanted - 1e-9]
    assert measured.p50_ms == pytest.approx(min(reach))
    fewer = [count for count in recall.CANDIDATES if count < measured.candidates]
    assert all(surely(true_recalls(index, measured.effort, count)) < wanted for count in fewer)
    less = max(measured.effort // 2, 1)  # a whole step and more
    assert true_recalls(index, less, len(index.matrix)).mean() < wanted + 0.1


def test_a_recall_that_cannot_be_reached_comes_as_near_as_can_be(fake):
    """No point has a higher recall than the chosen one."""

    def half(place, row, effort):
        return by_effort(place, row, min(effort, 50))

    rows, index = fake(half)
    measured = tune(rows, index, Target(recall=0.999))
    assert measured.recall == pytest.approx(true_recalls(index, 100, len(index.matrix), half).mean())
    assert measured.recall < 0.9


@pytest.mark.parametrize("latency", [0.065, 0.205, 0.505, 0.905, 5])
def test_a_latency_is_used_as_well_as_can_be(fake, latency):
    """The chosen point keeps to the time, and of all points that do, none that was tried has a higher recall."""
    rows, index = fake(by_effort)
    measured = tune(rows, index, Target(latency_ms=latency))
    assert measured.p50_ms <= latency
    assert len(index.asked) >= 8
    within = [point for point, cost in index.asked.items() if cost <= latency]
    assert measured.recall == pytest.approx(max(true_recalls(index, *point).mean() for point in within))
    assert measured.recall == pytest.approx(true_recalls(index, measured.effort, measured.candidates).mean())


def test_a_latency_that_cannot_be_kept_gives_the_fastest(fake):
    """The point of the least time is chosen."""
    rows, index = fake(by_effort)
    measured = tune(rows, index, Target(latency_ms=0.001))
    assert measured.p50_ms == pytest.approx(min(index.asked.values()))


def test_the_figures_are_json():
    """All figures come back from JSON values, and name the point."""
    rows, index = built(stored(60, 8), "Flat")
    measured = tune(rows, index, Target(recall=0.9))
    again = type(measured)(**measured.to_json())
    assert again == measured
    assert again.point == Point(Reach(measured.effort, measured.margin), measured.candidates)
