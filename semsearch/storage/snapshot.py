"""One committed state of a collection, as a reader holds it: immutable, and shared by threads."""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.environment import thread_count
from semsearch.common.threads import computed_once, run
from semsearch.fields.columns import Columns
from semsearch.index import ApproximateIndex, Bitmap, Part, Rows, Searcher, all_but, bitmap_of, count, open_rows
from semsearch.lexical.bm25 import LexicalIndex
from semsearch.lexical.postings import Postings
from semsearch.storage.database.errors import damage_error
from semsearch.storage.database.state import State, index_checksum
from semsearch.storage.folder import is_own
from semsearch.storage.segments.kinds import FIELD_SEGMENTS, POSTING_SEGMENTS, SegmentKind
from semsearch.storage.segments.reading import LoadedSegments, load_segments
from semsearch.storage.settings import Definition
from semsearch.storage.tables import BLOCKS_OF
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.indexes import IndexFile
from semsearch.storage.tables.words import WORDS
from semsearch.storage.vectors.file import StoredRows, vector_file
from semsearch.storage.vectors.index_state import IndexState, read_index_state
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

__all__ = ["Extra", "Snapshot", "SnapshotLoader", "read_indexing"]


class Extra(enum.Flag):
    """What not every question needs, and is loaded when one does."""

    NONE = 0
    WORDS = enum.auto()
    """Vectors of words, where such are kept."""
    POSTINGS = enum.auto()
    """The words of passages."""
    FIELDS = enum.auto()
    """The fields of documents."""


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
    """The vectors of passages of one committed state, and the ``extras`` that were asked for.

    ``dead`` are the rows whose passage has been deleted, ascending.
    """

    state: State
    extras: Extra
    passages: IndexedRows
    dead: Int64
    words: IndexedRows | None = None
    live_words: Bitmap | None = None
    postings: LoadedSegments | None = None
    fields: LoadedSegments | None = None
    memory: dict[object, object] = field(default_factory=dict, compare=False)
    """What the layers above want to know again of this state."""

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
        """What is wrong with an index file or a segment."""
        loaded = (self.passages, self.words, self.postings, self.fields)
        return next((one.damage for one in loaded if one is not None and one.damage), None)

    @computed_once
    def live(self) -> Bitmap | None:
        """The rows of all passages; ``None`` if nothing has been deleted."""
        return all_but(self.rows, self.dead) if len(self.dead) else None

    @property
    def columns(self) -> list[Columns]:
        """The fields of all documents, if :attr:`Extra.FIELDS` were asked for."""
        assert self.fields is not None
        return cast("list[Columns]", self.fields.all)

    @computed_once
    def lexical(self) -> LexicalIndex:
        """The search for words, if :attr:`Extra.POSTINGS` were asked for."""
        assert self.postings is not None
        return LexicalIndex(cast("list[Postings]", self.postings.all), self.dead)

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

    def count(self, allowed: Bitmap | None = None) -> int:
        """How many live rows there are, or how many of them are ``allowed``."""
        kept = self._keep_live(allowed)
        return self.rows if kept is None else count(kept)

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
        self, connection: sqlite3.Connection, state: State, earlier: Snapshot | None, extras: Extra = Extra.NONE
    ) -> Snapshot:
        """Load the state that the connection reads; what has not changed since ``earlier`` is taken from it.

        Extras are loaded when they are asked for, and then kept up to date.
        """
        if not self.definition.word_vectors:
            extras &= ~Extra.WORDS
        if earlier is not None:
            extras |= earlier.extras
            if earlier.state == state and earlier.extras == extras:
                return earlier
            if earlier.state.epoch != state.epoch:
                earlier = None
        if index_checksum(connection) != state.indexing:
            raise damage_error(self.folder, "the tables of the index do not match their checksum")
        snapshot = Snapshot(
            state,
            extras,
            self._load_rows(connection, PASSAGE_VECTORS, state, earlier.passages if earlier else None),
            DEAD.read(connection, state, self.folder),
        )
        if Extra.WORDS in extras:
            words = self._load_rows(connection, WORD_VECTORS, state, earlier.words if earlier else None)
            live_words = bitmap_of(len(words.searcher.rows), WORDS.sealed_live_rows(connection))
            snapshot = replace(snapshot, words=words, live_words=live_words)
        if Extra.POSTINGS in extras:
            known = earlier.postings if earlier else None
            snapshot = replace(snapshot, postings=self._load_segments(connection, POSTING_SEGMENTS, state, known))
        if Extra.FIELDS in extras:
            known = earlier.fields if earlier else None
            snapshot = replace(snapshot, fields=self._load_segments(connection, FIELD_SEGMENTS, state, known))
        return snapshot

    def _load_segments(
        self, connection: sqlite3.Connection, kind: SegmentKind, state: State, earlier: LoadedSegments | None
    ) -> LoadedSegments:
        return load_segments(connection, self.folder, self.definition.settings, kind, state.rows, earlier)

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
