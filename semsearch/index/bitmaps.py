"""Sets of rows as FAISS takes them: one bit a row, lowest bit first, uint8[ceil(size / 8)]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64

__all__ = ["Bitmap", "all_but", "bitmap_of", "count", "members", "span_of"]

Bitmap = npt.NDArray[np.uint8]


def bitmap_of(size: int, rows: Int64) -> Bitmap:
    """The set of the given rows, all below ``size``."""
    chosen = np.zeros(size, dtype=bool)
    chosen[rows] = True
    return np.packbits(chosen, bitorder="little")


def all_but(size: int, rows: Int64) -> Bitmap:
    """The set of all rows below ``size`` but those given."""
    chosen = np.ones(size, dtype=bool)
    chosen[rows] = False
    return np.packbits(chosen, bitorder="little")


def count(bitmap: Bitmap) -> int:
    """Number of rows in the set."""
    return int(np.bitwise_count(bitmap).sum(dtype=np.int64))


def members(bitmap: Bitmap) -> Int64:
    """The rows in the set, ascending."""
    return np.flatnonzero(np.unpackbits(bitmap, bitorder="little"))


def contains(bitmap: Bitmap, rows: Int64) -> npt.NDArray[np.bool_]:
    """Which of the rows, of any shape and not negative, are in the set."""
    bits: npt.NDArray[np.uint8] = bitmap[rows >> 3] >> (rows & 7).astype(np.uint8) & 1
    return bits.astype(np.bool_)


def span_of(bitmap: Bitmap, start: int, end: int) -> Bitmap:
    """The rows from ``start``, a multiple of 8, up to ``end``, counted from ``start``."""
    assert start % 8 == 0, "a part of a bitmap begins at a whole byte"
    part = bitmap[start // 8 : -(-end // 8)]
    if end % 8:  # the last byte may hold rows from ``end`` on
        part = part.copy()
        part[-1:] &= (1 << end % 8) - 1
    return part
