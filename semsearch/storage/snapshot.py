"""One committed state of a collection, as a reader holds it: immutable, and shared by threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.environment import thread_count
from semsearch.common.threads import computed_once, run
from semsearch.index import ApproximateIndex, Bitmap, Part, Rows, Searcher, all_but, bitmap_of, open_rows
from semsearch.storage.database.errors import damage_error
from semsearch.storage.database.state import State, index_checksum
from semsearch.storage.folder import is_own
from semsearch.storage.settings import Definition
from semsearch.storage.tables import BLOCKS_OF
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.indexes import IndexFile
from semsearch.storage.tables.words import WORDS
from semsearch.storage.vectors.file import StoredRows, vector_file
from semsearch.storage.vectors.index_state import IndexState, read_index_state
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

__all__ = ["Snapshot", "SnapshotLoader", "read_indexing"]


@dataclass(frozen=True, slots=True)
class IndexedRows:
    """Committed rows as they are searched: under an index, or as the tail behind it."""

    stored: StoredRows
    indexing: IndexState
    parts: tuple[Part, ...]
    searcher: Searcher
    damage: str | None
    """What is wrong with an index file, which is therefore not used."""


@dataclass(frozen=True)
class Snapshot:
    """The vectors of passages, and of words if there are such and they were asked for, of one committed state.

    ``dead`` are the rows whose passage has been deleted, ascending.
    """

    state: State
    passages: IndexedRows
    words: IndexedRows | None
    dead: Int64
    live_words: Bitmap | None

    @property
    def searcher(self) -> Searcher:
        """The search over the passages' vectors."""
        return self.passages.searcher

    @property
    def rows(self) -> int:
        """Number of rows, deleted ones included."""
        return len(self.searcher.rows)

    @property
    def damage(self) -> str | None:
        """What is wrong with an index file."""
        return self.passages.damage or (self.words.damage if self.words else None)

    @computed_once
    def live(self) -> Bitmap | None:
        """The rows of all passages; ``None`` if nothing has been deleted."""
        return all_but(self.rows, self.dead) if len(self.dead) else None

    def live_rows(self) -> Int64:
        """The same as numbers, ascending."""
        return np.setdiff1d(np.arange(self.rows, dtype=np.int64), self.dead, assume_unique=True)

    def search(
        self, queries: Float32, k: int, allowed: Bitmap | None = None, *, exact: bool = False
    ) -> tuple[Float32, Int64]:
        """The ``k`` live rows nearest to each query: scores float32[m, <= k], rows int64[m, <= k], best first.

        ``allowed`` narrows the choice further; ``exact`` compares with every row instead of asking the index.
        """
        searcher = self.searcher.without_index() if exact else self.searcher
        return searcher.search(queries, k, self._keep_live(allowed))

    def within(self, query: Float32, least: float, allowed: Bitmap | None = None) -> tuple[Float32, Int64]:
        """All live rows that score ``least`` or more, best first: scores float32[n], rows int64[n]."""
        return self.searcher.rows.within(query, least, self._keep_live(allowed))

    def _keep_live(self, allowed: Bitmap | None) -> Bitmap | None:
        return self.live if allowed is None else allowed if self.live is None else allowed & self.live


@dataclass(frozen=True, slots=True)
class SnapshotLoader:
    """Loads states of one collection, to be searched on ``device`` in ``threads`` threads.

    On a GPU every row is scanned, and no index is loaded.
    """

    folder: Path
    definition: Definition
    device: str
    threads: int

    def load(
        self, connection: sqlite3.Connection, state: State, earlier: Snapshot | None, with_words: bool = False
    ) -> Snapshot:
        """Load the state that the connection reads; what has not changed since ``earlier`` is taken from it.

        Words, of which there are many more than passages, are loaded when they are asked for, and then kept up to date.
        """
        had_words = earlier is not None and earlier.words is not None
        with_words = self.definition.word_vectors and (with_words or had_words)
        if earlier is not None and earlier.state.epoch != state.epoch:
            earlier = None
        if earlier is not None and earlier.state == state and with_words == had_words:
            return earlier
        if index_checksum(connection) != state.indexing:
            raise damage_error(self.folder, "the tables of the index do not match their checksum")
        dead = DEAD.read(connection, state, self.folder)
        passages = self._load_rows(connection, PASSAGE_VECTORS, state, earlier.passages if earlier else None)
        if not with_words:
            return Snapshot(state, passages, None, dead, None)
        words = self._load_rows(connection, WORD_VECTORS, state, earlier.words if earlier else None)
        live_words = bitmap_of(len(words.searcher.rows), WORDS.live_rows(connection))
        return Snapshot(state, passages, words, dead, live_words)

    def _load_rows(
        self, connection: sqlite3.Connection, kind: VectorKind, state: State, earlier: IndexedRows | None
    ) -> IndexedRows:
        file = vector_file(self.folder, state.epoch, self.definition, kind)
        stored = file.open(BLOCKS_OF[kind].count(connection, state), earlier.stored if earlier else None)
        metric, device = self.definition.metric(kind), self.device if kind is PASSAGE_VECTORS else "cpu"
        indexing = read_index_state(connection, kind)
        parts, damage = _read_parts(self.folder, indexing.files if device == "cpu" else (), earlier)
        rows: Rows = open_rows(stored, file.dimension, metric, device)
        searcher = Searcher(rows, ApproximateIndex(parts, metric), indexing.point, self.threads)
        return IndexedRows(stored, indexing, parts, searcher, damage)


def read_indexing(connection: sqlite3.Connection, state: State, folder: Path) -> IndexState:
    """What the database says of the passages' index, compared with its checksum."""
    if index_checksum(connection) != state.indexing:
        raise damage_error(folder, "the tables of the index do not match their checksum")
    return read_index_state(connection, PASSAGE_VECTORS)


def _read_parts(
    folder: Path, files: Sequence[IndexFile], earlier: IndexedRows | None
) -> tuple[tuple[Part, ...], str | None]:
    """The index's parts before the first damaged one. Later rows are scanned exactly: slower, but equally right."""
    known = dict(zip(earlier.indexing.files, earlier.parts, strict=False)) if earlier else {}
    alone = thread_count() if len(files) == 1 else 1  # else each thread reads a part
    reading = [partial(_read_part, folder, file, known, alone) for file in files]
    parts: list[Part] = []
    for file, part in zip(files, run(reading, thread_count()), strict=True):
        if part is None or part.end != file.first + file.rows:
            return tuple(parts), (
                f"index file {folder / file.file} is damaged or missing; its rows are searched without it, which is "
                f"slower: the next change rebuilds it, or run: semsearch compact {folder.name}"
            )
        parts.append(part)
    return tuple(parts), None


def _read_part(folder: Path, file: IndexFile, known: dict[IndexFile, Part], threads: int) -> Part | None:
    if file in known:
        return known[file]
    return Part.read(folder / file.file, file.sha256, file.first, threads) if is_own(file.file) else None
