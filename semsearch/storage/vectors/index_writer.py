"""The indexes as the writer has them: built when that is due, committed, and chosen by the user."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from semsearch.index import Target, check_factory
from semsearch.storage.database.errors import translated
from semsearch.storage.database.transaction import Transaction, sync_folder
from semsearch.storage.folder import PASSAGES, Matrix
from semsearch.storage.snapshot import state
from semsearch.storage.vectors.committed import Matrices
from semsearch.storage.vectors.file import StoredRows
from semsearch.storage.vectors.index_builder import IndexBuilder, IndexState, read_index_state, write_index_state

__all__ = ["IndexWriter"]

AUTO = "auto"
"""The factory of those who leave the choice to the program."""


class IndexWriter:
    """Changes the indexes of one collection, under the writer's lock."""

    def __init__(self, connection: sqlite3.Connection, matrices: Matrices, notify: Callable[[str], None]) -> None:
        self._connection = connection
        self._matrices = matrices
        self._notify = notify
        self.folder = matrices.folder

    @translated
    def choose(self, factory: str) -> None:
        """Build the index of this FAISS factory string from now on; ``auto`` leaves the choice to the program."""
        before = read_index_state(self._connection)
        if factory != AUTO:
            rows = self._matrices.rows(PASSAGES)
            check_factory(factory, rows.dimension, rows.metric)
        self._record(PASSAGES, replace(before, factory=None if factory == AUTO else factory), before)

    @translated
    def tune(self, target: Target) -> None:
        """Choose the operating point that serves this target best, now and when the index is measured again."""
        before = read_index_state(self._connection)
        wanted = replace(before, target=target)
        self._record(PASSAGES, self._builder(PASSAGES).tuned(wanted, again=True) if before.parts else wanted, before)

    @translated
    def keep_choice(self, wanted: IndexState) -> None:
        """Note which index the user wants, without building one."""
        with Transaction(self._connection):
            write_index_state(self._connection, wanted)

    @translated
    def renew(self, anew: bool = False) -> None:
        """Build what is due of each index, or all of it."""
        for matrix in self._matrices.kinds:
            before = read_index_state(self._connection, matrix)
            self._record(matrix, self._builder(matrix).renewed(before, anew), before)

    def built(self, matrix: Matrix, stored: StoredRows) -> IndexState:
        """An index of other rows than the committed ones, whose files are there, and which is not committed."""
        return self._builder(matrix, stored).renewed(read_index_state(self._connection, matrix), anew=True)

    @translated
    def sweep(self) -> None:
        """Remove the files of earlier states, and what a crash left behind; who has them open keeps them."""
        kinds = self._matrices.kinds
        wanted = {self._matrices.file(matrix).path.name for matrix in kinds}
        wanted |= {part.file for matrix in kinds for part in read_index_state(self._connection, matrix).parts}
        for pattern in ("*index-*.faiss*", "vectors-*.f16", "words-*.u8"):
            for file in self.folder.glob(pattern):
                if file.name not in wanted:
                    file.unlink(missing_ok=True)

    def _builder(self, matrix: Matrix, stored: StoredRows | None = None) -> IndexBuilder:
        """A builder over the committed rows, or over those of another vector file."""
        generation = state(self._connection)[0]
        return IndexBuilder(
            self.folder,
            self._matrices.rows(matrix, stored),
            lambda first: f"{matrix.index}-{generation + 1}-{first}.faiss",
            self._notify,
        )

    def _record(self, matrix: Matrix, index: IndexState, before: IndexState) -> None:
        """Commit an index whose files are there already."""
        if index == before:
            return
        sync_folder(self.folder)
        with Transaction(self._connection):
            write_index_state(self._connection, index, matrix)
            self._connection.execute("UPDATE state SET generation = generation + 1")
        self.sweep()
