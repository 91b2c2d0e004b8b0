"""Groups of like vectors: average linkage, cut where the silhouette is largest. Nothing is left to chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semsearch.common.documents import Float32, Int64
from semsearch.storage import unit_length

__all__ = ["groups"]

MOST = 8
"""Groups that are tried at most."""
LEAST_SILHOUETTE = 0.15
"""Below it everything is one group; docs/architecture.md says how it was chosen."""
NOISE = 1e-4
"""Vectors that are so near to the mean differ by rounding alone."""
Float64 = npt.NDArray[np.float64]
Merge = tuple[float, int, int]


def groups(vectors: Float32) -> Int64:
    """The group of each of float32[n, d], int64[n]; 0 is the largest.

    What the vectors have in common, their mean, is taken out first.
    """
    apart = vectors - vectors.mean(axis=0)
    apart[np.linalg.norm(apart, axis=1) < NOISE] = 0
    units = unit_length(apart).astype(np.float64)
    distances = 1 - units @ units.T
    merges = _average_linkage(distances)
    best, chosen = LEAST_SILHOUETTE, np.zeros(len(units), dtype=np.int64)
    for count in range(2, min(MOST, len(units) - 1) + 1):
        labels = _cut(merges, len(units), count)
        silhouette = _silhouette(distances, labels)
        if silhouette > best:
            best, chosen = silhouette, labels
    return _largest_first(chosen)


def _average_linkage(distances: Float64) -> list[Merge]:
    """All merges of average linkage as (height, one, other), lowest first; a group is named by one of its members.

    By chains of nearest neighbours (Murtagh, "A survey of recent advances in hierarchical clustering algorithms",
    1983): who are nearest to each other can be merged at once, in whatever order such pairs are found.
    """
    between = distances.copy()
    np.fill_diagonal(between, np.inf)
    sizes = np.ones(len(between))
    merges: list[Merge] = []
    chain: list[int] = []
    while len(merges) < len(between) - 1:
        chain = chain or [int(np.flatnonzero(sizes)[0])]
        last = chain[-1]
        near = _nearest(between[last], chain[-2] if len(chain) > 1 else None)
        if len(chain) < 2 or near != chain[-2]:
            chain.append(near)
            continue
        del chain[-2:]
        merges.append((float(between[last, near]), near, last))
        _merge(between, sizes, near, last)
    return sorted(merges)


def _nearest(row: Float64, before: int | None) -> int:
    """The nearest one; of several, the one that the chain came from, lest it goes in circles."""
    best = int(row.argmin())
    return before if before is not None and row[before] <= row[best] else best


def _merge(between: Float64, sizes: Float64, one: int, other: int) -> None:
    """Let ``one`` stand for both, and nobody for ``other``."""
    mean = (sizes[one] * between[one] + sizes[other] * between[other]) / (sizes[one] + sizes[other])
    between[one] = between[:, one] = mean
    between[other] = between[:, other] = np.inf
    between[one, one] = np.inf
    sizes[one] += sizes[other]
    sizes[other] = 0


def _cut(merges: list[Merge], members: int, count: int) -> Int64:
    """The group of each member when the lowest merges have left ``count`` groups."""
    labels = np.arange(members)
    for _, one, other in merges[: members - count]:
        labels[labels == labels[other]] = labels[one]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _silhouette(distances: Float64, labels: Int64) -> float:
    """Mean silhouette (Rousseeuw 1987): how much nearer members are to their own group than to the next one."""
    members = np.eye(labels.max() + 1)[labels]
    sizes = members.sum(axis=0)
    sums = distances @ members
    own = np.arange(len(labels)), labels
    within = sums[own] / np.maximum(sizes[labels] - 1, 1)
    means = sums / sizes
    means[own] = np.inf
    apart = means.min(axis=1)
    scores = (apart - within) / np.maximum(np.maximum(apart, within), np.finfo(float).tiny)
    return float(np.where(sizes[labels] > 1, scores, 0).mean())


def _largest_first(labels: Int64) -> Int64:
    order = np.argsort(-np.bincount(labels), kind="stable")
    return np.argsort(order)[labels]
