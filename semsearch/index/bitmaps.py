"""Sets of vector ids as FAISS takes them: one bit an id, lowest bit first, uint8[ceil(rows / 8)]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64

__all__ = ["Bitmap", "all_but", "bitmap_of", "count", "members", "span_of"]

Bitmap = npt.NDArray[np.uint8]


def bitmap_of(rows: int, ids: Int64) -> Bitmap:
    """The set of the given ids, all below ``rows``."""
    chosen = np.zeros(rows, dtype=bool)
    chosen[ids] = True
    return np.packbits(chosen, bitorder="little")


def all_but(rows: int, ids: Int64) -> Bitmap:
    """The set of all ids below ``rows`` but those given."""
    chosen = np.ones(rows, dtype=bool)
    chosen[ids] = False
    return np.packbits(chosen, bitorder="little")


def count(bitmap: Bitmap) -> int:
    """Number of ids in the set."""
    return int(np.bitwise_count(bitmap).sum(dtype=np.int64))


def members(bitmap: Bitmap) -> Int64:
    """The ids in the set, ascending."""
    return np.flatnonzero(np.unpackbits(bitmap, bitorder="little"))


def contains(bitmap: Bitmap, ids: Int64) -> npt.NDArray[np.bool_]:
    """Which of the ids, of any shape and not negative, are in the set."""
    bits: npt.NDArray[np.uint8] = bitmap[ids >> 3] >> (ids & 7).astype(np.uint8) & 1
    return bits.astype(np.bool_)


def span_of(bitmap: Bitmap, start: int, end: int) -> Bitmap:
    """The ids from ``start``, a multiple of 8, up to ``end``, counted from ``start``."""
    assert start % 8 == 0, "a part of a bitmap begins at a whole byte"
    part = bitmap[start // 8 : -(-end // 8)]
    if end % 8:  # the last byte may hold ids from ``end`` on
        part = part.copy()
        part[-1:] &= (1 << end % 8) - 1
    return part
