"""The exact index: every vector compared with every query, by FAISS.

Vectors are kept as float16, the precision of the vector file: half the memory of float32, and one
query over 20,000 x 384 takes an eighth of the time of FAISS's float32 flat index.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.settings import thread_count
from semsearch.types import Float32, Int64

__all__ = ["Bitmap", "FlatIndex", "bitmap"]

MANY_QUERIES = 8
Bitmap = npt.NDArray[np.uint8]
"""A set of vector ids, one bit each, lowest bit first: uint8[ceil(rows / 8)]."""


def bitmap(rows: int, without: Int64) -> Bitmap:
    """The set of all vector ids below ``rows`` but those in ``without``."""
    allowed = np.ones(rows, dtype=bool)
    allowed[without] = False
    return np.packbits(allowed, bitorder="little")


class FlatIndex:
    """Exact inner-product search over rows 0 … ``rows`` - 1. Searches may run in parallel; changes may not."""

    def __init__(self, faiss_index: Any) -> None:
        self._faiss = faiss_index

    @classmethod
    def build(cls, dimension: int, rows: int, blocks: Iterable[Float32]) -> FlatIndex:
        """Index ``rows`` rows, which come as blocks of float32[any, dimension], numbered from 0 in that order."""
        import faiss

        index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        if rows:
            # The codes are the rows in float16. Adding block by block would grow the array by doubling it,
            # and need three times its memory; here it has its size from the start.
            index.codes.resize(rows * index.code_size)
            codes = faiss.rev_swig_ptr(index.codes.data(), rows * index.code_size).view(np.float16)
            filled = 0
            for block in blocks:
                codes[filled : filled + block.size] = block.ravel()
                filled += block.size
            assert filled == len(codes), "blocks do not hold the rows that were announced"
            index.ntotal = rows
        return cls(index)

    @classmethod
    def read(cls, path: Path, sha256: str) -> FlatIndex | None:
        """Read an index file, or ``None`` if its bytes are not the ones that were written.

        FAISS must not be trusted with a damaged file, so the checksum comes first.
        """
        import faiss

        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    return None
                file.seek(0)
                return cls(faiss.read_index(faiss.PyCallbackIOReader(file.read)))
        except OSError:
            return None

    def write(self, path: Path) -> str:
        """Write beside ``path``, fsync, rename; return the SHA-256 of the bytes."""
        import faiss

        digest = hashlib.sha256()
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with temporary.open("wb") as file:

                def write(part: bytes) -> None:
                    digest.update(part)
                    file.write(part)

                faiss.write_index(self._faiss, faiss.PyCallbackIOWriter(write))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest()

    @property
    def rows(self) -> int:
        """Number of vectors."""
        return int(self._faiss.ntotal)

    def search(self, queries: Float32, k: int, allowed: Bitmap | None = None) -> tuple[Float32, Int64]:
        """The ``k`` rows of ``allowed`` nearest to each query: scores float32[m, k], ids int64[m, k].

        Best first; where fewer than ``k`` rows are allowed the ids end in -1.
        """
        import faiss

        parameters = None
        if allowed is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(allowed))
        # FAISS divides queries among OpenMP threads, and these go on spinning for some milliseconds after
        # their work, which slows down whatever comes next: a few queries are better off with one thread.
        faiss.omp_set_num_threads(1 if len(queries) < MANY_QUERIES else thread_count())
        scores, ids = self._faiss.search(np.ascontiguousarray(queries, dtype=np.float32), k, params=parameters)
        return scores, ids
