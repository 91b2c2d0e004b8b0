"""The vector file: an append-only float16 matrix on disk, a checksum a row.

Layout, little-endian, no header, row after row (row number = vector id)::

    float16[dimension]  the vector
    0-2 bytes           zeros, up to a multiple of 4
    uint32              CRC-32 (zlib) of the two above, started with the row number

The row number in the checksum makes a row that is right but in the wrong place an error too.
How many rows count is said by the database: what stands behind them was never committed.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semsearch.errors import DamagedError
from semsearch.types import Float32, Int64

__all__ = ["VectorFile"]

BLOCK_ROWS = 8192


class VectorFile:
    """Reads and appends; appending is the writer's alone."""

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        padding = -2 * dimension % 4
        self._row = np.dtype([("vector", "<f2", (dimension,)), ("zeros", "u1", (padding,)), ("crc", "<u4")])

    def create(self) -> None:
        """Make the empty file."""
        with self.path.open("xb") as file:
            os.fsync(file.fileno())

    def append(self, first: int, vectors: Float32) -> int:
        """Write rows ``first``, ``first`` + 1, … and fsync; returns the CRC-32 of the bytes written.

        Rows from ``first`` on that an earlier, interrupted write left behind are overwritten.
        """
        rows = np.zeros(len(vectors), dtype=self._row)
        rows["vector"] = vectors
        rows["crc"] = self._checksums(rows, first)
        content = rows.tobytes()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            file.seek(first * self._row.itemsize)
            file.write(content)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        return zlib.crc32(content)

    def read(self, rows: int) -> npt.NDArray[np.void]:
        """Memory-map the first ``rows`` rows; raises :class:`DamagedError` if the file is shorter."""
        if rows == 0:
            return np.empty(0, dtype=self._row)
        try:
            return np.memmap(self.path, dtype=self._row, mode="r", shape=(rows,))
        except (OSError, ValueError) as error:
            raise DamagedError(
                f"vector file {self.path} does not hold the {rows} committed rows ({error}); "
                "build the collection again from its sources"
            ) from error

    def blocks(self, start: int, stop: int) -> Iterator[Float32]:
        """Rows ``start`` to ``stop`` as float32 blocks, each checked against its checksums.

        Read, not mapped: a pass over the whole file must not fill the process's memory with it.
        """
        if start >= stop:
            return
        self.read(stop)  # raises if the file is too short
        with self.path.open("rb") as file:
            file.seek(start * self._row.itemsize)
            for first in range(start, stop, BLOCK_ROWS):
                ids = np.arange(first, min(first + BLOCK_ROWS, stop), dtype=np.int64)
                content = file.read(len(ids) * self._row.itemsize)
                yield self._checked(np.frombuffer(content, dtype=self._row), ids)

    def take(self, rows: int, ids: Int64) -> Float32:
        """The rows ``ids``, float32[len(ids), dimension], checked; ``rows`` is the committed count."""
        return self._checked(self.read(rows)[ids], ids)

    def _checked(self, rows: npt.NDArray[np.void], ids: Int64) -> Float32:
        wrong = np.flatnonzero(rows["crc"] != self._checksums(rows, ids))
        if len(wrong):
            raise DamagedError(
                f"row {ids[wrong[0]]} of vector file {self.path} does not match its checksum: "
                "the file was damaged after it was written; build the collection again from its sources"
            )
        return np.ascontiguousarray(rows["vector"], dtype=np.float32)

    def _checksums(self, rows: npt.NDArray[np.void], ids: Int64 | int) -> npt.NDArray[np.uint32]:
        """CRC-32 of every row but for its last four bytes; ``ids`` are the row numbers, or the first one."""
        numbers = range(ids, ids + len(rows)) if isinstance(ids, int) else ids.tolist()
        size = self._row.itemsize
        content = memoryview(np.ascontiguousarray(rows).tobytes())
        return np.fromiter(
            (
                zlib.crc32(content[start : start + size - 4], number & 0xFFFFFFFF)
                for start, number in zip(range(0, len(content), size), numbers, strict=False)
            ),
            dtype=np.uint32,
            count=len(rows),
        )
