"""Clusters of rows by direction: spherical k-means (Dhillon and Modha 2001), on a sample where there are many."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from semsearch.common.arrays import Float32, Int64, limit_cosines, unit_length

__all__ = ["Clusters", "find_clusters"]

SAMPLE = 20_000
"""Rows that the centres are found with."""
BLOCK = 4096
"""Rows that are compared with all centres at once."""
STARTS = 3
"""Beginnings of which the best ends in the answer."""


class Clusters(NamedTuple):
    """The cluster of each place, int64[n], 0 being the largest, and its cosine with the centre, float32[n]."""

    labels: Int64
    cosines: Float32


def find_clusters(read: Callable[[int, int], Float32], count: int, wanted: int) -> Clusters:
    """At most ``wanted`` clusters of ``count`` vectors, one or more; always the same for the same vectors.

    ``read`` gives the vectors from one place to another, float32[n, d]. A centre is the mean direction of its cluster.
    """
    centres = _find_centres(_read_sample(read, count), wanted)
    labels, cosines = np.empty(count, np.int64), np.empty(count, np.float32)
    for start in range(0, count, BLOCK):
        end = min(start + BLOCK, count)
        products = unit_length(read(start, end)) @ centres.T
        labels[start:end] = products.argmax(axis=1)
        cosines[start:end] = limit_cosines(products.max(axis=1))
    sizes = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    return Clusters(np.argsort(order)[labels], cosines)


def _read_sample(read: Callable[[int, int], Float32], count: int) -> Float32:
    """The directions of all vectors, or of some from all over."""
    step = max(1, -(-count // SAMPLE))
    blocks = [unit_length(read(start, min(start + BLOCK, count))[::step]) for start in range(0, count, BLOCK)]
    return np.concatenate(blocks)


def _find_centres(units: Float32, wanted: int) -> Float32:
    """Mean directions, float32[<= wanted, d]."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    means = KMeans(min(wanted, len(units)), n_init=STARTS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # there are fewer different vectors than clusters
        labels = means.fit_predict(units)
    sums = [units[labels == label].mean(axis=0) for label in np.unique(labels)]
    return unit_length(np.array(sums, np.float32))
