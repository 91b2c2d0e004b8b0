"""The indexes as the writer has them: built when that is due, committed, and chosen by the user."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Metric
from semsearch.common.durable import sync_folder
from semsearch.common.environment import thread_count
from semsearch.common.errors import NONSENSE, DamagedError
from semsearch.index import Background, Target, bitmap_of, check_factory, measure_background
from semsearch.storage.database.connection import connect
from semsearch.storage.database.errors import translates_errors
from semsearch.storage.database.state import read_state
from semsearch.storage.database.transaction import Transaction
from semsearch.storage.folder import DATABASE, FINISHED, SCRATCH, is_own
from semsearch.storage.tables import SEGMENT_TABLES
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.meta import META
from semsearch.storage.vectors.committed import CommittedVectors
from semsearch.storage.vectors.file import StoredRows
from semsearch.storage.vectors.index_builder import IndexBuilder
from semsearch.storage.vectors.index_state import IndexState, read_index_state, write_index_state
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, VectorKind

__all__ = ["IndexWriter"]

AUTO = "auto"
"""The factory of those who leave the choice to the program."""


class IndexWriter:
    """Changes the indexes of one collection, under the writer's lock."""

    def __init__(self, connection: sqlite3.Connection, vectors: CommittedVectors) -> None:
        self._connection = connection
        self._vectors = vectors
        self.folder = vectors.folder

    @translates_errors
    def choose(self, factory: str) -> None:
        """Build the index of this FAISS factory string from now on; ``auto`` leaves the choice to the program."""
        before = read_index_state(self._connection, PASSAGE_VECTORS)
        if factory != AUTO:
            rows = self._vectors.rows(PASSAGE_VECTORS)
            check_factory(factory, rows.dimension, rows.metric)
        wanted = replace(before, factory=None if factory == AUTO else factory)
        self._commit(PASSAGE_VECTORS, wanted, before)

    @translates_errors
    def tune(self, target: Target) -> None:
        """Choose the operating point that serves this target best, now and when the index is measured again."""
        before = read_index_state(self._connection, PASSAGE_VECTORS)
        wanted = replace(before, target=target)
        tuned = self._builder(PASSAGE_VECTORS).tune(wanted, again=True) if before.files else wanted
        self._commit(PASSAGE_VECTORS, tuned, before)

    @translates_errors
    def keep_choice(self, wanted: IndexState) -> None:
        """Note which index the user wants, without building one."""
        with Transaction(self._connection):
            write_index_state(self._connection, wanted, PASSAGE_VECTORS)

    @translates_errors
    def renew(self, anew: bool = False) -> None:
        """Build what is due of each index, or all of it."""
        for kind in self._vectors.kinds:
            before = read_index_state(self._connection, kind)
            self._commit(kind, self._builder(kind).renew(before, anew), before)

    @translates_errors
    def renew_background(self, encode: Callable[[], Float32]) -> None:
        """Measure how scores stand, if half as many rows as there were have been added since, or a third has gone.

        ``encode`` gives the vectors of questions without a sense, float32[m, dimension]. Where vectors are damaged,
        which searches tell, it is left as it is.
        """
        before, state = read_index_state(self._connection, PASSAGE_VECTORS), read_state(self._connection)
        if not before.lacks_background(state.rows, state.passages):
            return
        queries = encode()
        if not len(queries):
            return
        with suppress(DamagedError):
            background = self._measure_background(queries, DEAD.read(self._connection, state, self.folder))
            with Transaction(self._connection):
                write_index_state(self._connection, replace(before, background=background), PASSAGE_VECTORS)

    def _measure_background(self, queries: Float32, dead: Int64) -> Background:
        rows = self._vectors.rows(PASSAGE_VECTORS)
        live = np.setdiff1d(np.arange(len(rows)), dead, assume_unique=True)
        comparable = unit_length(queries) if rows.metric is Metric.COSINE else queries
        scores, _ = rows.search(comparable, 1, allowed=bitmap_of(len(rows), live), threads=thread_count())
        return measure_background(rows, live, scores[:, 0])

    def build_over(self, kind: VectorKind, stored: StoredRows) -> IndexState:
        """An index of other rows than the committed ones; its files are there, and it is not committed."""
        return self._builder(kind, stored).renew(read_index_state(self._connection, kind), anew=True)

    @translates_errors
    def sweep(self) -> None:
        """Remove the files of earlier states, and what a crash left behind; who has them open keeps them."""
        self._sweep_reencoded()
        kinds = self._vectors.kinds
        wanted = {self._vectors.file(kind).path.name for kind in kinds}
        wanted |= {record.file for table in SEGMENT_TABLES for record in table.read(self._connection) if record.file}
        wanted |= {part.file for kind in kinds for part in read_index_state(self._connection, kind).files}
        for file in self.folder.iterdir():
            if is_own(file.name) and not file.name.startswith(".repair") and file.name not in wanted:
                file.unlink(missing_ok=True)

    def _sweep_reencoded(self) -> None:
        """Remove what is left of a re-encoding that has become this state; one that is not done can still go on."""
        shutil.rmtree(self.folder / FINISHED, ignore_errors=True)
        scratch = self.folder / SCRATCH
        if not scratch.exists():
            return
        try:
            with closing(connect(scratch / DATABASE)) as connection:
                encoder = META.read(connection)["encoder"]
        except (sqlite3.DatabaseError, OSError, *NONSENSE):
            encoder = None
        if encoder is None or encoder == META.read(self._connection)["encoder"]:
            shutil.rmtree(scratch, ignore_errors=True)

    def _builder(self, kind: VectorKind, stored: StoredRows | None = None) -> IndexBuilder:
        """A builder over the committed rows, or over those of another vector file."""
        generation = read_state(self._connection).generation + 1
        rows = self._vectors.rows(kind, stored)
        return IndexBuilder(self.folder, rows, lambda first: kind.index_name(generation, first))

    def _commit(self, kind: VectorKind, index: IndexState, before: IndexState) -> None:
        """Commit an index whose files are there already."""
        if index == before:
            return
        sync_folder(self.folder)
        with Transaction(self._connection):
            write_index_state(self._connection, index, kind)
            self._connection.execute("UPDATE state SET generation = generation + 1")
        self.sweep()
