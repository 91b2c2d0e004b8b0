"""Answers that repeat less: maximal marginal relevance (Carbonell & Goldstein 1998), groups, no near-duplicates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from semsearch.common.arrays import Float32, Int64, limit_cosines, unit_length

__all__ = ["FOLDED", "POOL", "diversify", "first_of_each", "fold"]

POOL = 200
"""Hits that are put into another order; those behind them stay, so that pages fit together."""


FOLDED = 1000
"""Hits among which near-duplicates are folded; those behind them stay."""


def diversify(scores: Float32, vectors: Float32, diversity: float) -> Int64:
    """The order in which each next hit is the best by ``(1 - diversity) * score - diversity * nearest``.

    ``nearest`` is the largest cosine with a hit before it. Scores are float32[n], vectors float32[n, d].
    """
    units = unit_length(vectors)
    nearest = np.zeros(len(scores), np.float32)
    relevance = (1 - diversity) * scores
    free = np.ones(len(scores), np.bool_)
    order = []
    for _ in range(len(scores)):
        gains = np.where(free, relevance - diversity * nearest, -np.inf)
        best = int(np.argmax(gains))
        order.append(best)
        free[best] = False
        cosines = units @ units[best]
        nearest = np.maximum(nearest, cosines) if len(order) > 1 else cosines
    return np.array(order, np.int64)


def fold(vectors: Float32, least: float) -> Int64:
    """The places of those that are no near-duplicates: whose cosine with each one kept before is below ``least``.

    Vectors are float32[n, d].
    """
    units = unit_length(vectors)
    cosines = limit_cosines(units @ units.T)
    free = np.ones(len(units), np.bool_)
    for place in range(len(units)):
        if free[place]:
            free[place + 1 :] &= cosines[place, place + 1 :] < least
    return np.flatnonzero(free)


def first_of_each(groups: Sequence[Hashable | None]) -> Int64:
    """The places of the first of each group; ``None`` is a group of its own each time."""
    seen: set[Hashable] = set()
    places = []
    for place, group in enumerate(groups):
        if group is None or group not in seen:
            places.append(place)
            seen.add(group)
    return np.array(places, np.int64)
