"""How many of the true neighbours an approximate index delivers, measured; and the choice of an operating point.

Queries are stored rows, which do not count as neighbours of themselves; the truth is an exact scan. A row
that scores as high as the tenth true neighbour counts as one: of duplicates any will do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.index.approximate import ApproximateIndex, Point
from semsearch.index.lists import Reach
from semsearch.index.rows import Rows
from semsearch.settings import thread_count
from semsearch.types import Float32, Int64

__all__ = ["DEFAULT_TARGET", "Measured", "Target", "tune"]

NEIGHBOURS = 10
QUERIES = 400
TIMED = 60
"""Queries that are timed one by one at an operating point."""
CANDIDATES = (10, 20, 30, 50, 75, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1200, 1600)
TIES = 20
"""Neighbours beside the ten that are looked at for their equals."""
Z95 = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""
Z90 = 1.28
"""Standard deviations below the measured recall at which a target must still be met: nine times of ten it is."""
SAME = 1e-6
"""Scores that differ by less are equal: sums of the same products in another order differ by so much."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an operating point is chosen for: a recall to reach fast, or a time to use well. One is given."""

    recall: float | None = None
    latency_ms: float | None = None


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
    ids = np.sort(np.random.default_rng(0).permutation(index.covered)[:QUERIES])
    queries = rows.take(ids)
    truth = _truth(rows, index.covered, queries, ids)
    tried = [
        (Point(reach, count), recalls)
        for reach, curve in _curves(rows, index, queries, truth, target)
        for count, recalls in _worth_timing(curve, target)
    ]
    times = _times(rows, index, [point for point, _ in tried], queries[:TIMED])
    measured = [_measured(*one, ms, index.covered) for one, ms in zip(tried, times, strict=True)]
    return _chosen([(one, _surely(recalls)) for one, (_, recalls) in zip(measured, tried, strict=True)], target)


@dataclass(frozen=True, slots=True)
class _Truth:
    """The neighbours of one query: those that score ``least`` or more, and whether ``ids`` are all of them."""

    own: int
    ids: Int64
    least: float
    all_known: bool


def _truth(rows: Rows, covered: int, queries: Float32, ids: Int64) -> list[_Truth]:
    """By an exact scan; ``least`` is the score of the tenth neighbour, with fewer rows of the last."""
    scores, found = rows.search(queries, NEIGHBOURS + 1 + TIES, stop=covered, threads=thread_count())
    return [_neighbours(*one) for one in zip(ids.tolist(), scores, found, strict=True)]


def _neighbours(own: int, scores: Float32, found: Int64) -> _Truth:
    others = (found >= 0) & (found != own)
    scores, found = scores[others], found[others]
    tenth = float(scores[min(NEIGHBOURS, len(scores)) - 1]) if len(scores) else math.inf
    near = scores >= tenth - SAME * max(1.0, abs(tenth))
    return _Truth(own, found[near], tenth, all_known=bool(len(near) < NEIGHBOURS + TIES or not near[-1]))


Curve = list[tuple[int, npt.NDArray[np.float64]]]
"""Number of candidates and the recall of every query with so many."""


def _curves(
    rows: Rows, index: ApproximateIndex, queries: Float32, truth: list[_Truth], target: Target
) -> Iterator[tuple[Reach, Curve]]:
    """From the greatest effort down, as long as the target is in sight."""
    wanted = max(1, min(NEIGHBOURS, index.covered - 1))
    for effort in reversed(_efforts(index.effort_limit)):
        reach = index.reach(queries, effort)
        found = index.candidates(queries, min(CANDIDATES[-1], index.covered), reach, threads=thread_count())
        hits = np.stack([_is_neighbour(rows, *one) for one in zip(queries, found, truth, strict=True)]).cumsum(axis=1)
        counts = [count for count in CANDIDATES if count < found.shape[1]] + [found.shape[1]]
        curve = [(count, np.minimum(hits[:, count - 1] / wanted, 1)) for count in counts]
        yield reach, curve
        if target.recall is not None and _surely(curve[-1][1]) < target.recall:
            return


def _is_neighbour(rows: Rows, query: Float32, candidates: Int64, truth: _Truth) -> npt.NDArray[np.bool_]:
    """Which candidates are true neighbours; of very many equals the truth knows only some, and scores decide."""
    if truth.all_known:
        return np.isin(candidates, truth.ids)
    valid = candidates[(candidates >= 0) & (candidates != truth.own)]
    scores, found = rows.search_among(query[None], max(1, len(valid)), valid)
    return np.isin(candidates, found[0][scores[0] >= truth.least - SAME * max(1.0, abs(truth.least))])


def _efforts(limit: int) -> list[int]:
    """From little to all; an index without such a setting has one."""
    if limit <= 1:
        return [limit]
    return sorted(
        {min(limit, max(1, round(limit * share))) for share in (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1)}
    )


def _worth_timing(curve: Curve, target: Target) -> Curve:
    """For a recall the least candidates that reach it; for a latency a spread of them."""
    if target.recall is None:
        return curve[::3]
    reached = [(count, recalls) for count, recalls in curve if _surely(recalls) >= target.recall]
    return reached[:1] or curve[-1:]


def _times(rows: Rows, index: ApproximateIndex, points: list[Point], queries: Float32) -> list[list[float]]:
    """Milliseconds of every query at every point.

    The points take turns, so that whatever else the machine does slows them all, and none is asked what another has
    just been asked.
    """
    times: list[list[float]] = [[] for _ in points]
    for number in range(len(queries)):
        for place, point in enumerate(points):
            query = queries[(number + place * len(queries) // len(points)) % len(queries)][None]
            begun = time.perf_counter()
            candidates = index.candidates(query, point.candidates, point.reach, threads=thread_count())
            rows.rescore(query, candidates, NEIGHBOURS)
            times[place].append(1000 * (time.perf_counter() - begun))
    return times


def _measured(point: Point, recalls: npt.NDArray[np.float64], times: list[float], rows: int) -> Measured:
    low, high = _interval(recalls)
    p50, p95 = np.percentile(times, (50, 95)).tolist()
    reach, recall = point.reach, float(recalls.mean())
    return Measured(reach.effort, point.candidates, recall, low, high, p50, p95, len(recalls), rows, reach.margin)


def _interval(recalls: npt.NDArray[np.float64]) -> tuple[float, float]:
    """95 % confidence of the mean."""
    mean, error = float(recalls.mean()), _error(recalls)
    return max(0.0, mean - Z95 * error), min(1.0, mean + Z95 * error)


def _surely(recalls: npt.NDArray[np.float64]) -> float:
    return float(recalls.mean()) - Z90 * _error(recalls)


def _error(recalls: npt.NDArray[np.float64]) -> float:
    """Standard error of the mean; of perfect recalls as the rule of three has it (Hanley 1983)."""
    if len(recalls) < 2:
        return 1.0
    return float(recalls.std(ddof=1) / math.sqrt(len(recalls))) or 3 / (Z95 * len(recalls) * NEIGHBOURS)


def _chosen(tried: list[tuple[Measured, float]], target: Target) -> Measured:
    """The best of the points, which come with the recall that they surely reach."""
    if target.recall is not None:
        good = [one for one, surely in tried if surely >= target.recall]
        return min(good, key=lambda one: one.p50_ms) if good else max(tried, key=lambda one: one[1])[0]
    good = [one for one, _ in tried if one.p50_ms <= (target.latency_ms or 0)]
    return max(good, key=lambda one: one.recall) if good else min(tried, key=lambda one: one[0].p50_ms)[0]
