"""Vectors in memory, for tests of what searches rows wherever they lie."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from semsearch.common.arrays import Int64
from semsearch.index import Code

__all__ = ["MemoryRows"]


class MemoryRows:
    """Vectors in memory; nothing can have happened to them."""

    def __init__(self, vectors: npt.NDArray[Any], code: Code = Code.FLOAT16) -> None:
        self.matrix = code.encode(vectors)
        self.code = code

    def check(self, ids: Int64) -> None:
        """Nothing to compare with."""

    def check_span(self, start: int, end: int) -> None:
        """Nothing to compare with."""

    def gather(self, rows: Int64, out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """Copies of some rows."""
        return self.matrix.take(rows, axis=0, out=out, mode="clip")

    def release(self, start: int, end: int) -> None:
        """Nothing is mapped."""
