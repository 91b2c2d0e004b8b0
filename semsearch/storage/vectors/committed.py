"""The vector files as the writer has them: what is committed of each, and what a commit adds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from semsearch.common.documents import Float32, Metric
from semsearch.index import Rows
from semsearch.storage.folder import PASSAGES, WORDS, Matrix
from semsearch.storage.settings import StoredEncoder
from semsearch.storage.snapshot import state, word_rows
from semsearch.storage.vectors.file import StoredRows, VectorFile, vector_files

__all__ = ["Block", "Matrices"]

Block = tuple[int, int, int]
"""An append to a vector file: its first row, how many rows it has, and its checksum."""


class Matrices:
    """The vectors of a collection's passages, and of its words if it keeps them. ``kinds`` says which there are."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, encoder: StoredEncoder, metric: Metric) -> None:
        self._connection = connection
        self._encoder = encoder
        self._metrics = {PASSAGES: metric} if encoder.hidden_size is None else {PASSAGES: metric, WORDS: Metric.COSINE}
        self.folder = folder
        self.kinds = tuple(self._metrics)

    def file(self, matrix: Matrix, epoch: int | None = None) -> VectorFile:
        """The vector file of the committed epoch, or of another."""
        return vector_files(self.folder, state(self._connection)[1] if epoch is None else epoch, self._encoder)[matrix]

    def count(self, matrix: Matrix) -> int:
        """How many rows of a vector file are committed."""
        return word_rows(self._connection) if matrix == WORDS else state(self._connection)[2]

    def rows(self, matrix: Matrix, stored: StoredRows | None = None) -> Rows:
        """The committed rows, or those of another vector file, as they are searched."""
        file = self.file(matrix)
        return Rows(stored or file.open(self.count(matrix)), file.dimension, self._metrics[matrix])

    def append(self, matrix: Matrix, vectors: Float32) -> list[Block]:
        """Write rows behind the committed ones; what is to be noted of them when they are committed."""
        first = self.count(matrix)
        return [(first, len(vectors), self.file(matrix).append(first, vectors))] if len(vectors) else []

    def note(self, matrix: Matrix, blocks: list[Block]) -> None:
        """Note appends; the caller's transaction makes them count."""
        table = matrix.blocks
        self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?,?,?)", blocks)  # noqa: S608 - ours
