"""Vectors that users hand over: questions, and documents that need no encoder."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32
from semsearch.common.documents import Metric
from semsearch.common.errors import InputError

__all__ = ["check_vectors"]

LARGEST_NUMBER = 1e15
"""Squares of larger ones, summed over some thousand dimensions, come near the end of float32."""


def check_vectors(vectors: npt.ArrayLike, dimension: int, metric: Metric) -> Float32:
    """One or several vectors as float32[m, dimension].

    Raises :class:`InputError` for another shape or kind of numbers, NaN, infinity, and zeros, which have no
    direction.
    """
    try:
        given = np.atleast_2d(np.asarray(vectors))
    except ValueError as error:
        raise InputError(f"vectors are not of equal length ({error}); give numbers[m, {dimension}]") from None
    if given.dtype.kind not in "fiu":
        raise InputError(f"vectors of type {given.dtype} are not real numbers; give float32[m, {dimension}]")
    if given.ndim != 2 or given.shape[1] != dimension:
        shape = np.shape(vectors)
        raise InputError(f"vectors of shape {shape} do not fit; those of this collection have {dimension} numbers")
    with np.errstate(over="ignore"):
        checked = np.ascontiguousarray(given, dtype=np.float32)
    broken = np.flatnonzero(~np.isfinite(checked).all(axis=1))
    if len(broken):
        raise InputError(f"vector {broken[0]} holds NaN, infinity or a number beyond float32; mend it")
    zeros = np.flatnonzero(~checked.any(axis=1))
    if len(zeros) and metric is Metric.COSINE:
        raise InputError(f"vector {zeros[0]} is all zeros: it has no direction, and the cosine needs one")
    large = np.flatnonzero((np.abs(checked) > LARGEST_NUMBER).any(axis=1))
    if len(large) and metric is not Metric.COSINE:
        raise InputError(
            f"vector {large[0]} holds a number beyond ±{LARGEST_NUMBER:g}: its scores would not be numbers"
        )
    return checked
