"""Checksums of rows and of sets of numbers: SQLite notices a broken page, but not a changed number in a sound one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from semsearch.common.arrays import Int64

__all__ = ["set_sum", "values_crc"]


def values_crc(values: Iterable[Any]) -> int:
    """CRC-32 of some values as Python writes them; after damage they may be of any type."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def set_sum(numbers: Int64) -> int:
    """Checksum of a set of numbers, whatever their order: a sum of mixed numbers (splitmix64, Steele 2014)."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((mixed ^ (mixed >> np.uint64(31))).sum(dtype=np.uint64)) >> 1  # SQLite's integers have a sign
