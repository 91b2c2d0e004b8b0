"""What a question brings from outside, checked before it meets an index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semsearch.common.documents import Float32, Metric
from semsearch.common.errors import QueryError
from semsearch.storage import unit_length

__all__ = ["check_k", "checked_vectors"]

LARGEST_NUMBER = 1e15
"""Squares of larger ones, summed over some thousand dimensions, come near the end of float32."""


def check_k(k: int) -> None:
    """Raise :class:`QueryError` unless ``k`` is a number of results that can be asked for; NumPy's integers may be."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise QueryError(f"k is {k!r}; ask for at least 1 result")


def checked_vectors(vectors: npt.ArrayLike, dimension: int, metric: Metric) -> Float32:
    """One or several query vectors as float32[m, dimension], of length 1 if the metric is the cosine.

    Raises :class:`QueryError` for another shape or kind of numbers, NaN, infinity, and zeros, which have no
    direction.
    """
    try:
        given = np.atleast_2d(np.asarray(vectors))
    except ValueError as error:
        raise QueryError(f"the query vectors are not of equal length ({error}); give numbers[m, {dimension}]") from None
    if given.dtype.kind not in "fiu":
        raise QueryError(f"query vectors of type {given.dtype} are not real numbers; give float32[m, {dimension}]")
    if given.ndim != 2 or given.shape[1] != dimension:
        raise QueryError(
            f"query vectors of shape {np.shape(vectors)} do not fit; those of this collection have {dimension} numbers"
        )
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(given, dtype=np.float32)
    for number, row in enumerate(found):
        if not np.isfinite(row).all():
            raise QueryError(f"query vector {number} holds NaN, infinity or a number beyond float32; mend it")
        if metric is Metric.COSINE and not row.any():
            raise QueryError(f"query vector {number} is all zeros: it has no direction, and the cosine needs one")
    if metric is not Metric.COSINE and (np.abs(found) > LARGEST_NUMBER).any():
        raise QueryError(f"a query vector holds a number beyond ±{LARGEST_NUMBER:g}: its scores would not be numbers")
    return unit_length(found) if metric is Metric.COSINE else found
