"""The vector files as the writer has them: what is committed of each, and what a commit adds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from semsearch.common.arrays import Float32
from semsearch.index import Rows
from semsearch.storage.database.state import read_state
from semsearch.storage.settings import Definition
from semsearch.storage.tables import BLOCKS_OF
from semsearch.storage.tables.table import Append
from semsearch.storage.vectors.file import StoredRows, VectorFile, vector_file
from semsearch.storage.vectors.kinds import VectorKind
from semsearch.storage.vectors.passing import open_passing

__all__ = ["CommittedVectors"]


class CommittedVectors:
    """The vectors of a collection's passages, and of its words if it keeps them; ``kinds`` says which there are."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, definition: Definition) -> None:
        self._connection = connection
        self._definition = definition
        self.folder = folder
        self.kinds = tuple(definition.dimensions)

    def file(self, kind: VectorKind, epoch: int | None = None) -> VectorFile:
        """The vector file of the committed epoch, or of another."""
        chosen = read_state(self._connection).epoch if epoch is None else epoch
        return vector_file(self.folder, chosen, self._definition, kind)

    def count(self, kind: VectorKind) -> int:
        """How many rows of a vector file are committed."""
        return BLOCKS_OF[kind].count(self._connection, read_state(self._connection))

    def rows(self, kind: VectorKind, stored: StoredRows | None = None) -> Rows:
        """The committed rows, or those of another vector file, as they are searched; the writer goes through them."""
        file = self.file(kind)
        return Rows(stored or open_passing(file, self.count(kind)), file.dimension, self._definition.metric(kind))

    def append(self, kind: VectorKind, vectors: Float32) -> Append:
        """Write rows behind the committed ones, durably; they count when the transaction that notes them does."""
        first = self.count(kind)
        return Append(first, len(vectors), self.file(kind).append(first, vectors))
