"""Vectors for who goes through all of them once: what has been read takes no memory.

Of a mapped file a page stays in memory, and with it up to 2 MB around it that the system thinks will be read next. So
neighbouring rows are let go of when they have been read, and rows here and there are copied out of the file one by one.
"""

from __future__ import annotations

import mmap
import os
import threading
import weakref

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64
from semsearch.storage.vectors.file import StoredRows, VectorFile

__all__ = ["open_passing"]

SPARSE = 4
"""Rows are copied one by one if less than one in so many is wanted."""


def open_passing(file: VectorFile, rows: int) -> StoredRows:
    """The first ``rows`` rows of a vector file; raises :class:`DamagedError` if it is shorter.

    A system that cannot let go of what is mapped keeps what has been read for as long as it likes.
    """
    can_let_go = hasattr(mmap, "MADV_DONTNEED") and hasattr(os, "preadv")
    return _PassingRows(file, rows) if rows and can_let_go else file.open(rows)


class _PassingRows(StoredRows):
    """Committed rows, of which only those read last are in memory."""

    def __init__(self, file: VectorFile, rows: int) -> None:
        self._mapping = file.map(rows)
        matrix = np.frombuffer(self._mapping, np.uint8).reshape(rows, file.stride)
        super().__init__(file.path, matrix, file.code, file.salt)
        self._descriptor = os.open(file.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self._memory = mmap.mmap(-1, matrix.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._copies = np.frombuffer(self._memory, np.uint8).reshape(matrix.shape)
        self._copied = np.zeros(len(self.matrix), bool)
        self._reading = threading.Lock()
        """No copies may go while another thread reads them."""

    def find_damaged(self, rows: Int64) -> Int64:
        """Those of these rows that do not match their checksums."""
        with self._reading:
            return super().find_damaged(rows)

    def gather(self, rows: Int64, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """Copies of some rows, uint8[len(rows), stride]."""
        with self._reading:
            return super().gather(rows, out)

    def holding(self, rows: Int64) -> npt.NDArray[np.uint8]:
        """The mapped file for rows that lie close together; for others memory of its size with copies of them."""
        if not len(rows) or rows.max() - rows.min() < SPARSE * len(rows):
            return self.matrix
        stride = self.matrix.shape[1]
        for row in rows[~self._copied[rows]].tolist():
            os.preadv(self._descriptor, [self._copies[row].data], row * stride)
            self._copied[row] = True
        return self._copies

    def release(self, start: int, end: int) -> None:
        """Give the memory of the rows ``start`` to ``end`` back; they can be read again."""
        stride = self.matrix.shape[1]
        self._mapping.madvise(mmap.MADV_DONTNEED, *_whole_pages(start * stride, end * stride))
        if start == 0 and end == len(self.matrix):
            with self._reading:
                self._copied[:] = False
                self._memory.madvise(mmap.MADV_DONTNEED)


def _whole_pages(start: int, end: int) -> tuple[int, int]:
    """Where the page of the byte ``start`` begins, and how many bytes it is to ``end``."""
    first = start // mmap.PAGESIZE * mmap.PAGESIZE
    return first, end - first
