"""Rows that are far from all others: those whose nearest neighbours are least near (Ramaswamy et al. 2000)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from semsearch.common.arrays import Float32, Int64, limit_cosines, unit_length

__all__ = ["Outliers", "find_outliers"]

NEIGHBOURS = 3
"""The nearest others whose mean cosine is looked at: a few outliers that are alike do not hide each other."""
EXACT = 20_000
"""Up to so many rows each is compared with each. Of more, those are that are farthest from so many of them."""
CANDIDATES = 1_000
"""Rows that are compared with all others then, at least; ten times as many as are wanted."""
BLOCK = 2048
"""Rows that are compared with as many others at once."""


class Outliers(NamedTuple):
    """Places, int64[n], with the mean cosine of each with its nearest others, float32[n]; the farthest first."""

    places: Int64
    cosines: Float32


def find_outliers(read: Callable[[Int64], Float32], groups: Int64, wanted: int) -> Outliers:
    """The ``wanted`` vectors that are farthest from those of other groups.

    ``read`` gives the vectors of places, float32[n, d]; ``groups``, int64[n], are equal for vectors that do not count
    as neighbours of each other, such as passages of one document. Scores are exact; which rows are farthest is exact
    for up to 20,000, and of more those are compared with all others that are farthest from a sample. What has nothing
    to be compared with is no outlier.
    """
    everything = np.arange(len(groups))
    candidates = everything
    if len(groups) > EXACT:
        sample = everything[:: -(-len(groups) // EXACT)]
        cosines = _compare(read, groups, everything, sample)
        candidates = np.sort(np.argsort(cosines, kind="stable")[: max(CANDIDATES, 10 * wanted)])
    cosines = _compare(read, groups, candidates, everything)
    order = np.argsort(cosines, kind="stable")[: min(wanted, int(np.isfinite(cosines).sum()))]
    return Outliers(candidates[order], limit_cosines(cosines[order]))


def _compare(read: Callable[[Int64], Float32], groups: Int64, places: Int64, others: Int64) -> Float32:
    """The mean cosine of each place with its nearest of the others in other groups, float32[places].

    Where there are fewer neighbours, with these; without any it is NaN, which sorts behind all others.
    """
    means = np.empty(len(places), np.float32)
    for start in range(0, len(places), BLOCK):
        own = places[start : start + BLOCK]
        units = unit_length(read(own))
        nearest = np.full((len(own), NEIGHBOURS), -np.inf, np.float32)
        for first in range(0, len(others), BLOCK):
            some = others[first : first + BLOCK]
            cosines = units @ unit_length(read(some)).T
            cosines[groups[own][:, None] == groups[some]] = -np.inf
            best = np.concatenate([nearest, cosines], axis=1)
            nearest = np.partition(best, best.shape[1] - NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
        is_near = np.isfinite(nearest)
        sums, counts = np.where(is_near, nearest, 0).sum(axis=1), is_near.sum(axis=1)
        means[start : start + BLOCK] = np.where(counts, sums / np.maximum(counts, 1), np.nan)
    return means
