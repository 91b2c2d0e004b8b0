"""The largest few numbers of each row, exactly, without ordering all of them."""

from __future__ import annotations

import numpy as np

from semsearch.common.documents import Float32, Int64

__all__ = ["top"]

GROUP = 64
"""Columns a group. A row's k largest numbers lie in the k groups with the largest maxima, and maxima of
interleaved columns are found at the speed of memory, some twenty times faster than a partition."""


def top(scores: Float32, k: int) -> tuple[Float32, Int64]:
    """The ``k`` largest of each row of ``scores``, float32[m, n]: values float32[m, k], columns int64[m, k].

    Largest first; ``k`` is at most ``n``.
    """
    columns = _candidates(scores, k)
    values = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(columns, order, axis=1)


def _candidates(scores: Float32, k: int) -> Int64:
    """Columns among which the ``k`` largest of each row are: int64[m, any]."""
    rows, width = scores.shape
    groups = width // GROUP
    if groups <= k:
        return np.broadcast_to(np.arange(width), (rows, width))
    maxima = scores[:, : GROUP * groups].reshape(rows, GROUP, groups).max(axis=1)
    best = np.sort(np.argpartition(maxima, groups - k, axis=1)[:, groups - k :], axis=1)
    members = (np.arange(GROUP)[:, None] * groups + best[:, None, :]).reshape(rows, GROUP * k)
    rest = np.broadcast_to(np.arange(GROUP * groups, width), (rows, width - GROUP * groups))
    return np.concatenate([members, rest], axis=1)
