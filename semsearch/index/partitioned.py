"""The approximate index: parts side by side, asked for candidates that are then scored exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metric
from semsearch.index.bitmaps import Bitmap, span_of
from semsearch.index.inverted_lists import Reach, Search
from semsearch.index.part import Part

__all__ = ["ApproximateIndex", "Point"]


MEASURED_K = 10
"""Results of the searches by which an operating point is chosen."""
CANDIDATES_GROW = 0.6


@dataclass(frozen=True, slots=True)
class Point:
    """An operating point: how much of the index a query looks at, and how many candidates are scored exactly.

    Both are for up to 10 results. More results lie farther away, and there are more of them to be told from others: the
    reach grows with the logarithm of their number, the candidates with its power of .6. Measured on a million sentences
    with a recall@10 of .9965, recall@100 is .998 so in 3.1 ms, and .986 in 4.7 ms with the reach for 10 results and
    candidates in proportion; recall@1000 is .993 in 6.9 ms instead of .975 in 27.
    """

    reach: Reach
    candidates: int

    def count(self, k: int) -> int:
        """Candidates for ``k`` results."""
        times: float = (max(k, MEASURED_K) / MEASURED_K) ** CANDIDATES_GROW
        return max(self.candidates, 2 * k, math.ceil(self.candidates * times))

    def widening(self, k: int) -> float:
        """How many times as far a query looks for ``k`` results."""
        return 1 + math.log10(max(k, MEASURED_K) / MEASURED_K)


class ApproximateIndex:
    """Parts that cover the rows 0 … ``covered`` - 1 without a gap."""

    def __init__(self, parts: Sequence[Part], metric: Metric) -> None:
        self.parts = tuple(parts)
        self._smaller_is_nearer = metric is Metric.L2
        assert all(part.end == following.first for part, following in itertools.pairwise(parts))

    @property
    def covered(self) -> int:
        """Number of rows."""
        return self.parts[-1].end if self.parts else 0

    @property
    def effort_limit(self) -> int:
        """The largest sensible effort of a part."""
        return max((part.effort_limit for part in self.parts), default=0)

    def reach(self, queries: Float32, effort: int) -> Reach:
        """How far to look; if there are lists, so that these queries see ``effort`` of them on the average."""
        behind = [
            distances.reshape(-1) for part in self.parts if (distances := part.distances_behind(queries)) is not None
        ]
        if not behind or effort >= self.effort_limit:
            return Reach(effort)
        return Reach(effort, float(np.quantile(np.concatenate(behind), effort / self.effort_limit)))

    def candidates(self, queries: Float32, count: int, reach: Reach) -> Int64:
        """About the ``count`` nearest rows to each query, nearest first: int64[m, <= count], -1 for none."""
        (search,) = self.searches(queries, reach)
        return search(count)[1]

    def searches(self, queries: Float32, reach: Reach, allowed: Bitmap | None = None, threads: int = 1) -> list[Search]:
        """A search for each thread that can have a share of the rows. Larger distances are nearer, in any metric.

        A part that refuses selectors gives rows that are not ``allowed``, too.
        """
        parts = len(self.parts)
        shares = threads // math.gcd(threads, parts) if parts < threads else 1  # no more than needed: each costs time
        searches = [
            (part, search)
            for part in self.parts
            for search in _searches(part, queries, reach, self._cut_bitmap(part, allowed), shares)
        ]
        return [
            partial(self._merge_nearest, searches[number::threads]) for number in range(min(threads, len(searches)))
        ]

    def _merge_nearest(self, searches: Sequence[tuple[Part, Search]], count: int) -> tuple[Float32, Int64]:
        """The nearest rows of what searches find in several parts, whose own numbers begin at 0."""
        nearest = []
        for part, search in searches:
            distances, ids = search(min(count, part.end - part.first))
            if self._smaller_is_nearer:
                distances = -distances
            nearest.append((np.where(ids < 0, -np.inf, distances), np.where(ids < 0, -1, ids + part.first)))
        if len(nearest) == 1:
            return nearest[0]
        distances, ids = (np.concatenate(both, axis=1) for both in zip(*nearest, strict=True))
        order = np.argsort(-distances, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(distances, order, axis=1), np.take_along_axis(ids, order, axis=1)

    @staticmethod
    def _cut_bitmap(part: Part, allowed: Bitmap | None) -> Bitmap | None:
        return None if allowed is None else span_of(allowed, part.first, part.end)


def _searches(part: Part, queries: Float32, reach: Reach, allowed: Bitmap | None, shares: int) -> list[Search]:
    """The searches of a part: prepared here if threads share the part, else by the one thread that searches it."""
    if shares > 1:
        return part.searches(queries, reach, allowed, shares)
    return [lambda count: part.searches(queries, reach, allowed)[0](count)]
