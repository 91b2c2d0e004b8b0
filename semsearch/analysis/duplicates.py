"""Pairs of rows that are nearly the same, and the groups that these pairs join."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from semsearch.common.arrays import Float32, Int64, limit_cosines, unit_length
from semsearch.common.errors import QueryError

__all__ = ["Pairs", "find_pairs", "join_pairs"]

BLOCK = 4096
"""Rows that are compared with as many others by one matrix product."""
SLACK = 1e-5
"""What rounding may have taken from a cosine that counts as 1."""
MOST_PAIRS = 5_000_000
"""More are of no use to anybody, and fill the memory."""


class Pairs(NamedTuple):
    """Pairs of places, the lower one first, int64[n] each, with their cosines, float32[n]; the nearest pair first."""

    first: Int64
    second: Int64
    cosines: Float32

    def take(self, places: Int64) -> Pairs:
        """Some of them, in the order of ``places``."""
        return Pairs(self.first[places], self.second[places], self.cosines[places])


def find_pairs(read: Callable[[int, int], Float32], count: int, least: float) -> Pairs:
    """All pairs among ``count`` vectors whose cosine is ``least`` or more, each compared with each.

    ``read`` gives the vectors from one place to another, float32[n, d]. Raises :class:`QueryError` for too many pairs.
    """
    found: list[tuple[Int64, Int64, Float32]] = []
    total = 0
    for start in range(0, count, BLOCK):
        units = unit_length(read(start, min(start + BLOCK, count)))
        for other in range(start, count, BLOCK):
            others = units if other == start else unit_length(read(other, min(other + BLOCK, count)))
            cosines = units @ others.T
            if other == start:
                cosines[np.tril_indices(len(units))] = -np.inf
            first, second = np.nonzero(cosines >= np.float32(least - SLACK))
            near = limit_cosines(cosines[first, second])
            kept = near >= least
            found.append((first[kept] + start, second[kept] + other, near[kept]))
            total += len(first)
            if total > MOST_PAIRS:
                raise QueryError(
                    f"more than {MOST_PAIRS:,} pairs have a cosine of {least:g} or more; give a higher one"
                )
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    first, second, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((second, first, -values))
    return Pairs(first[order], second[order], values[order])


def join_pairs(pairs: Pairs, count: int) -> list[Int64]:
    """The groups of places that pairs join directly or through others, the largest first, each ascending."""
    parents = list(range(count))

    def find_root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for one, other in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        roots = sorted((find_root(one), find_root(other)))
        parents[roots[1]] = roots[0]
    members = np.unique(np.concatenate([pairs.first, pairs.second]))
    groups: dict[int, list[int]] = {}
    for place in members.tolist():
        groups.setdefault(find_root(place), []).append(place)
    joined = sorted(groups.values(), key=lambda group: (-len(group), group))
    return [np.array(group, np.int64) for group in joined]
