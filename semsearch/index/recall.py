"""How many of the true neighbours an approximate index delivers, measured; and the choice of an operating point.

Queries are stored rows, asked for as if neither they nor their copies were stored (see
:mod:`semsearch.index.ground_truth`); the truth is an exact scan. A row that scores as high as the tenth true neighbour
counts as one: of duplicates any will do.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32
from semsearch.common.environment import thread_count
from semsearch.common.errors import QueryError
from semsearch.common.threads import run
from semsearch.index.ground_truth import NEIGHBOURS, Truth, is_neighbour, true_neighbours
from semsearch.index.inverted_lists import Reach
from semsearch.index.partitioned import ApproximateIndex, Point
from semsearch.index.rows import Rows
from semsearch.index.searcher import Searcher

__all__ = ["DEFAULT_TARGET", "Measured", "Target", "target_of", "tune"]

QUERIES = 400
FEW = 64
"""Queries that tell how much effort a recall takes, before all are asked."""
SHARES = (0.02, 0.04, 0.06, 0.09, 0.13, 0.18, 0.24, 0.3, 0.36, 0.43, 0.5, 0.58, 0.67, 0.8, 1)
"""Efforts that are tried, of the greatest."""
TRIED = 3
"""Efforts that reach a recall, the least first: a greater one may do with fewer candidates, and be faster."""
TIMED = 60
"""Queries that are timed one by one at an operating point."""
TIMED_TOGETHER = 2
"""Of these, how many at a time have the rows that they look at in memory."""
CANDIDATES = (10, 20, 30, 50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1200, 1600)
Z95 = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""
Z90 = 1.28
"""Standard deviations below the measured recall at which a target must still be met: nine times of ten it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an operating point is chosen for: a recall to reach fast, or a time to use well. One is given."""

    recall: float | None = None
    latency_ms: float | None = None


def target_of(recall: float | None, latency_ms: float | None) -> Target:
    """The target for one of the two; raises :class:`QueryError` for none, for both, and for what cannot be."""
    if (recall is None) == (latency_ms is None):
        raise QueryError("tune for one of two: a recall, such as 0.98, or milliseconds a query, such as 1")
    if recall is not None and not 0 < recall <= 1:
        raise QueryError(f"recall {recall} cannot be; choose more than 0, and 1 at most")
    if latency_ms is not None and not 0 < latency_ms < math.inf:
        raise QueryError(f"{latency_ms} milliseconds cannot be; choose more than 0")
    return Target(recall, latency_ms)


DEFAULT_TARGET = Target(recall=0.99)


@dataclass(frozen=True, slots=True)
class Measured:
    """An operating point with recall@10 (95 % confidence from ``low`` to ``high``) and milliseconds a query."""

    effort: int
    candidates: int
    recall: float
    low: float
    high: float
    p50_ms: float
    p95_ms: float
    queries: int
    rows: int
    margin: float | None = None

    @property
    def point(self) -> Point:
        """Where it was measured."""
        return Point(Reach(self.effort, self.margin), self.candidates)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def tune(rows: Rows, index: ApproximateIndex, target: Target) -> Measured:
    """The operating point that serves the target best, of those that were tried.

    For a recall: the fastest that reaches it with 90 % confidence, else the one of the highest recall.
    For a latency: the highest recall within it, else the fastest.
    """
    sample = np.random.default_rng(0).permutation(index.covered)[:QUERIES]
    queries, truth = true_neighbours(rows, index.covered, sample)
    tried = [
        (Point(reach, count), recalls)
        for reach, curve in _curves(rows, index, queries, truth, target)
        for count, recalls in _choose_timed(curve, target)
    ]
    times = _times(rows, index, [point for point, _ in tried], queries[:TIMED])
    measured = [
        _summarize(*point_and_recalls, ms, index.covered) for point_and_recalls, ms in zip(tried, times, strict=True)
    ]
    return _choose(
        [
            (measured_point, _bound_recall(recalls))
            for measured_point, (_, recalls) in zip(measured, tried, strict=True)
        ],
        target,
    )


Curve = list[tuple[int, npt.NDArray[np.float64]]]
"""Number of candidates and the recall of every query with so many."""


def _curves(
    rows: Rows, index: ApproximateIndex, queries: Float32, truth: list[Truth], target: Target
) -> list[tuple[Reach, Curve]]:
    """For a latency of every effort; for a recall up to the second that reaches it, from where some queries do."""
    reaches, wanted = [index.reach(queries, effort) for effort in _efforts(index.effort_limit)], target.recall
    if wanted is None:
        return [(reach, _curve(rows, index, queries, truth, reach)) for reach in reaches]

    def few(reach: Reach) -> bool:
        return bool(_curve(rows, index, queries[:FEW], truth[:FEW], reach)[-1][1].mean() >= wanted)

    first = min(bisect_left(reaches, True, key=few), len(reaches) - 1)
    curves: list[tuple[Reach, Curve]] = []
    for reach in reaches[first:]:
        curves.append((reach, _curve(rows, index, queries, truth, reach)))
        if sum(_bound_recall(curve[-1][1]) >= wanted for _, curve in curves) == TRIED:
            break
    return curves


def _curve(rows: Rows, index: ApproximateIndex, queries: Float32, truth: list[Truth], reach: Reach) -> Curve:
    most, threads = min(CANDIDATES[-1], index.covered), thread_count()
    shares = [queries[number::threads] for number in range(threads)]
    candidates = np.empty((len(queries), most), np.int64)
    for number, share in enumerate(run([partial(index.candidates, share, most, reach) for share in shares], threads)):
        candidates[number::threads] = share
    hits = np.stack(
        [is_neighbour(rows, *question) for question in zip(queries, candidates, truth, strict=True)]
    ).cumsum(axis=1)
    wanted = max(1, min(NEIGHBOURS, index.covered - 1))
    counts = [count for count in CANDIDATES if count < candidates.shape[1]] + [candidates.shape[1]]
    return [(count, np.minimum(hits[:, count - 1] / wanted, 1)) for count in counts]


def _efforts(limit: int) -> list[int]:
    """From little to all; an index without such a setting has one."""
    if limit <= 1:
        return [limit]
    return sorted({min(limit, max(1, round(limit * share))) for share in SHARES})


def _choose_timed(curve: Curve, target: Target) -> Curve:
    """For a recall the least candidates that reach it; for a latency a spread of them."""
    if target.recall is None:
        return curve[::3]
    reached = [(count, recalls) for count, recalls in curve if _bound_recall(recalls) >= target.recall]
    return reached[:1] or curve[-1:]


def _times(rows: Rows, index: ApproximateIndex, points: list[Point], queries: Float32) -> list[list[float]]:
    """Milliseconds of every query at every point.

    The points take turns, so that whatever else the machine does slows them all, and none is asked what another has
    just been asked. All are asked before they are timed: the rows are then in memory, as they are for a reader.
    """
    times: list[list[float]] = [[] for _ in points]
    for start in range(0, len(queries), TIMED_TOGETHER):
        together = queries[start : start + TIMED_TOGETHER]
        _time_in_turn(rows, index, points, together)
        for own, ms in zip(times, _time_in_turn(rows, index, points, together), strict=True):
            own += ms
        rows.release()
    return times


def _time_in_turn(rows: Rows, index: ApproximateIndex, points: list[Point], queries: Float32) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in points]
    for number in range(len(queries)):
        for place, point in enumerate(points):
            query = queries[(number + place) % len(queries)][None]
            begun = time.perf_counter()
            Searcher(rows, index, point, thread_count()).search(query, NEIGHBOURS)
            times[place].append(1000 * (time.perf_counter() - begun))
    return times


def _summarize(point: Point, recalls: npt.NDArray[np.float64], times: list[float], rows: int) -> Measured:
    low, high = _interval(recalls)
    p50, p95 = np.percentile(times, (50, 95)).tolist()
    reach, recall = point.reach, float(recalls.mean())
    return Measured(reach.effort, point.candidates, recall, low, high, p50, p95, len(recalls), rows, reach.margin)


def _interval(recalls: npt.NDArray[np.float64]) -> tuple[float, float]:
    """95 % confidence of the mean."""
    mean, error = float(recalls.mean()), _error(recalls)
    return max(0.0, mean - Z95 * error), min(1.0, mean + Z95 * error)


def _bound_recall(recalls: npt.NDArray[np.float64]) -> float:
    return float(recalls.mean()) - Z90 * _error(recalls)


def _error(recalls: npt.NDArray[np.float64]) -> float:
    """Standard error of the mean; of perfect recalls as the rule of three has it (Hanley 1983)."""
    if len(recalls) < 2:
        return 1.0
    return float(recalls.std(ddof=1) / math.sqrt(len(recalls))) or 3 / (Z95 * len(recalls) * NEIGHBOURS)


def _choose(tried: list[tuple[Measured, float]], target: Target) -> Measured:
    """The best of the points, which come with the recall that they surely reach."""
    if target.recall is not None:
        good = [point for point, surely in tried if surely >= target.recall]
        return min(good, key=lambda point: point.p50_ms) if good else max(tried, key=lambda point: point[1])[0]
    good = [point for point, _ in tried if point.p50_ms <= (target.latency_ms or 0)]
    return max(good, key=lambda point: point.recall) if good else min(tried, key=lambda point: point[0].p50_ms)[0]
