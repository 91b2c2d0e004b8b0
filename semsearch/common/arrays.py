"""Arrays: their types, rows at length 1, the largest numbers of each row, slices of a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Float32", "Int64", "best", "chunks", "distinct", "limit_cosines", "top", "unit_length"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


class _Sliceable(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


S = TypeVar("S", bound=_Sliceable)

UNIT_ROWS = 4096
"""Rows that are scaled at a time: millions of vectors leave no room for their squares beside them."""
ROUNDED = 1e-6
"""Products of float32 vectors of length 1 that are so near to 1 cannot be told from it."""
GROUP = 64
"""Columns a group. A row's k largest numbers lie in the k groups with the largest maxima, and maxima of
interleaved columns are found at the speed of memory, some twenty times faster than a partition."""


def unit_length(vectors: Float32) -> Float32:
    """Rows of float32[n, d] scaled to length 1, so that their inner product is the cosine; a zero row stays zero."""
    units = np.empty(vectors.shape, np.float32)
    for first in range(0, len(vectors), UNIT_ROWS):
        block = vectors[first : first + UNIT_ROWS]
        lengths = np.linalg.norm(block.astype(np.float64), axis=1, keepdims=True)  # squares of float32 may overflow
        units[first : first + UNIT_ROWS] = block / np.where(lengths > 0, lengths, 1)
    return units


def limit_cosines(products: Float32) -> Float32:
    """Products of float32 vectors of length 1 as cosines: from -1 to 1, and exactly these where rounding is the rest.

    Infinity, which stands for no score, stays.
    """
    near = np.isfinite(products) & (np.abs(products) > 1 - ROUNDED)
    return np.where(near, np.sign(products), products)


def top(scores: Float32, k: int) -> tuple[Float32, Int64]:
    """The ``k`` largest of each row of ``scores``, float32[m, n]: values float32[m, k], columns int64[m, k].

    Largest first; ``k`` is at most ``n``. For rows of many thousand numbers.
    """
    columns = _candidate_columns(scores, k)
    values = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(columns, order, axis=1)


def best(scores: Float32, ids: Int64, k: int) -> tuple[Float32, Int64]:
    """The ``k`` best of each row's ids, float32[m, n] and int64[m, n], best first; of equal scores the lower id first.

    For rows of some hundred numbers, of which each has an id of its own.
    """
    if scores.shape[1] > 4 * k:  # a partition costs less than sorting all
        kept = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        scores, ids = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(ids, kept, axis=1)
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def distinct(numbers: Int64) -> Int64:
    """The numbers in order, each once.

    The first call of ``np.unique`` imports NumPy's masked arrays, which takes longer than a search.
    """
    ordered = np.sort(numbers)
    once: Int64 = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return once


def chunks(values: S, size: int) -> Iterator[S]:
    """Slices of ``size`` values of a sequence or an array, the last one with what is left."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _candidate_columns(scores: Float32, k: int) -> Int64:
    """Columns among which the ``k`` largest of each row are: int64[m, any]."""
    rows, width = scores.shape
    groups = width // GROUP
    if groups <= k:
        return np.broadcast_to(np.arange(width), (rows, width))
    maxima = scores[:, : GROUP * groups].reshape(rows, GROUP, groups).max(axis=1)
    largest = np.sort(np.argpartition(maxima, groups - k, axis=1)[:, groups - k :], axis=1)
    members = (np.arange(GROUP)[:, None] * groups + largest[:, None, :]).reshape(rows, GROUP * k)
    rest = np.broadcast_to(np.arange(GROUP * groups, width), (rows, width - GROUP * groups))
    return np.concatenate([members, rest], axis=1)
