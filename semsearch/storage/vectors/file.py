"""A vector file: an append-only matrix on disk, a checksum a row.

Layout, little-endian, no header, row after row (the row number is what the tables have)::

    code[dimension]     the vector, in float16 or uint8 (semsearch.index.codes)
    0-3 bytes           zeros, up to a multiple of 4
    uint32              CRC-32 (zlib) of the two above, started with the row number xor the file's salt

The row number in the checksum makes a row that is right but in the wrong place an error too, and the salt, made of the
collection's id, the kind of vectors and the epoch, a row of another file. How many rows count is said by the database:
what stands behind them was never committed. An append has a SHA-256 of its own there: a CRC over rows that end with
their own CRC would be the same for any rows.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64, distinct
from semsearch.common.durable import create_file, flush, sync_folder
from semsearch.common.errors import DamagedError, InputError
from semsearch.index import Code
from semsearch.storage.settings import Definition
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, VectorKind

__all__ = ["StoredRows", "VectorFile", "vector_file"]

CRC_BYTES = 4
CHECKED_ROWS = 8192
"""Rows whose checksums are compared at a time."""


class VectorFile:
    """Creates, appends and opens; the first two are the writer's alone."""

    def __init__(self, path: Path, dimension: int, kind: VectorKind = PASSAGE_VECTORS, owner: str = "") -> None:
        """``owner`` is whose vectors these are, which every checksum depends on."""
        self.path = path
        self.dimension = dimension
        self.code = kind.code
        self.stride = -(-kind.code.size(dimension) // CRC_BYTES) * CRC_BYTES + CRC_BYTES
        self._kind = kind
        self._owner = f"{owner} {path.name}".encode()
        self.salt = zlib.crc32(self._owner)

    def row_name(self, row: int | str) -> str:
        """A row, or several, as findings call it."""
        return str(row) if self._kind is PASSAGE_VECTORS else f"of word {row}"

    def create(self) -> None:
        """Make the empty file."""
        with create_file(self.path) as file:
            flush(file)

    def append(self, first: int, vectors: Float32) -> bytes:
        """Write rows ``first``, ``first`` + 1, … and fsync; returns the digest of the bytes written.

        Rows from ``first`` on that an earlier, interrupted write left behind are overwritten.
        """
        return self.append_encoded(first, self._encode(first, vectors))

    def append_encoded(self, first: int, rows: npt.NDArray[np.uint8]) -> bytes:
        """The same for rows as they are stored, uint8[n, stride]."""
        content = rows.tobytes()
        if first == 0 and not self.path.exists():  # whoever was to make it was interrupted, and nothing is lost
            self.create()
            sync_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR)
        with os.fdopen(descriptor, "r+b") as file:
            file.seek(first * self.stride)
            file.write(content)
            file.truncate()
            flush(file)
        return self.digest(first, content)

    def digest(self, first: int, content: bytes) -> bytes:
        """SHA-256 of the bytes of rows from ``first`` on, begun with whose they are."""
        return hashlib.sha256(b"%s %d\n%s" % (self._owner, first, content)).digest()

    def open(self, rows: int, earlier: StoredRows | None = None) -> StoredRows:
        """The first ``rows`` rows, memory-mapped; raises :class:`DamagedError` if the file is shorter.

        What has been found sound in ``earlier``, of the same file, is not looked at again.
        """
        matrix = np.empty(0, np.uint8) if rows == 0 else np.frombuffer(self.map(rows), np.uint8)
        return StoredRows(self.path, matrix.reshape(rows, self.stride), self.code, self.salt, earlier)

    def map(self, rows: int) -> mmap.mmap:
        """The bytes of the first ``rows`` rows, at least one; raises :class:`DamagedError` if the file is shorter."""
        try:
            with self.path.open("rb") as file:
                return mmap.mmap(file.fileno(), rows * self.stride, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError, OverflowError) as error:
            raise DamagedError(
                f"vector file {self.path} does not hold the {rows} committed rows ({error}); "
                f"run: semsearch verify {self.path.parent.name}"
            ) from error

    def _encode(self, first: int, vectors: Float32) -> npt.NDArray[np.uint8]:
        rows = np.zeros((len(vectors), self.stride), np.uint8)
        if not (np.abs(vectors) <= self.code.largest).all():
            raise InputError(
                f"a vector holds a number that is not finite or beyond ±{self.code.largest:,.0f}, the "
                "largest that is stored; use the metric cosine, or another model"
            )
        numbers = self.code.encode(vectors)
        rows[:, : numbers.shape[1]] = numbers
        self.seal(first, rows)
        return rows

    def seal(self, first: int, rows: npt.NDArray[np.uint8]) -> None:
        """Write the checksums of rows ``first``, ``first`` + 1, … into them."""
        checksums = np.fromiter(_checksums(rows, range(len(rows)), self.salt, first), "<u4", len(rows))
        rows[:, -CRC_BYTES:] = checksums.view(np.uint8).reshape(-1, CRC_BYTES)


def vector_file(folder: Path, epoch: int, definition: Definition, kind: VectorKind) -> VectorFile:
    """The vector file of a collection for one of the kinds of vectors that it keeps."""
    return VectorFile(kind.vector_path(folder, epoch), definition.dimensions[kind], kind, definition.id)


class StoredRows:
    """Committed rows, mapped; each is compared with its checksum before its numbers count, once a process."""

    def __init__(
        self, path: Path, matrix: npt.NDArray[np.uint8], code: Code, salt: int, earlier: StoredRows | None = None
    ) -> None:
        self._path = path
        self._salt = salt
        self.matrix = matrix
        self.code = code
        self._sound = np.zeros(len(matrix), dtype=bool)
        if earlier is not None:
            known = min(len(matrix), len(earlier.matrix))
            self._sound[:known] = earlier._sound[:known]

    def check(self, rows: Int64) -> None:
        """Compare these rows with their checksums; raises :class:`DamagedError`."""
        if len(rows):
            self._check_range(int(rows.min()), int(rows.max()))
        unknown = rows[~self._sound[rows]]
        if len(unknown):
            self._compare(distinct(unknown))

    def _check_range(self, first: int, last: int) -> None:
        if not 0 <= first <= last < len(self._sound):
            raise DamagedError(
                f"vector file {self._path} has {len(self._sound)} committed rows, and none is row {last}: the "
                f"database was damaged; run: semsearch verify {self._path.parent.name}"
            )

    def _compare(self, rows: Int64) -> None:
        wrong = self.find_damaged(rows)
        if len(wrong):
            raise DamagedError(
                f"row {wrong[0]} of vector file {self._path} does not match its checksum: the file was damaged "
                f"after it was written; run: semsearch verify {self._path.parent.name}"
            )
        self._sound[rows] = True

    def find_damaged(self, rows: Int64) -> Int64:
        """Those of these rows that do not match their checksums."""
        return np.asarray(rows[self._read_checksums(rows) != self._compute_checksums(rows)], np.int64)

    def check_span(self, start: int, end: int) -> None:
        """The same for the rows ``start`` to ``end``."""
        if start < end:
            self._check_range(start, end - 1)
        for first in range(start, end, CHECKED_ROWS):
            last = min(first + CHECKED_ROWS, end)
            unknown = first + np.flatnonzero(~self._sound[first:last])
            if len(unknown):
                self._compare(unknown)
                self.release(first, last)

    def gather(self, rows: Int64, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """Copies of some rows, uint8[len(rows), stride]."""
        return self.holding(rows).take(rows, axis=0, out=out, mode="clip")  # other modes copy twice

    def holding(self, rows: Int64) -> npt.NDArray[np.uint8]:  # noqa: ARG002 - others ask which
        """What has these rows in the places of their numbers."""
        return self.matrix

    def release(self, start: int, end: int) -> None:
        """Nothing: the system takes the memory back when it needs it."""

    def _read_checksums(self, rows: Int64) -> npt.NDArray[np.uint32]:
        return np.ascontiguousarray(self.holding(rows)[rows, -CRC_BYTES:]).view("<u4").reshape(-1)

    def _compute_checksums(self, rows: Int64) -> npt.NDArray[np.uint32]:
        return np.fromiter(_checksums(self.holding(rows), rows.tolist(), self._salt), np.uint32, len(rows))


def _checksums(matrix: npt.NDArray[np.uint8], rows: Iterable[int], salt: int, first: int = 0) -> Iterator[int]:
    """CRC-32 of rows but for their last four bytes, begun with the row's number counted from ``first``."""
    stride = matrix.shape[1]
    content = matrix.data.cast("B")
    size = stride - CRC_BYTES
    for row in rows:
        yield zlib.crc32(content[row * stride : row * stride + size], ((first + row) ^ salt) & 0xFFFFFFFF)
