"""One committed state of a collection, as a reader holds it: immutable, and shared by threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from semsearch.common.documents import Float32, Int64, Metric
from semsearch.common.environment import thread_count
from semsearch.common.threads import run
from semsearch.index import ApproximateIndex, Bitmap, Part, Rows, Searcher, all_but, bitmap_of
from semsearch.storage.database.state import damaged, dead_sum, index_crc, read_state
from semsearch.storage.folder import PASSAGES, WORDS, Matrix, is_own
from semsearch.storage.settings import StoredEncoder
from semsearch.storage.vectors.file import StoredRows, VectorFile, vector_files
from semsearch.storage.vectors.index_builder import IndexState, PartRecord, read_index_state

__all__ = [
    "Snapshot",
    "load_snapshot",
    "read_indexing",
    "state",
    "word_rows",
]


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
    """The vectors of passages, and of words if there are such and they were asked for, of one generation.

    ``dead`` are the ids of rows whose passage has been deleted, ascending.
    """

    generation: int
    epoch: int
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
        """Number of vector ids, deleted ones included."""
        return len(self.searcher.rows)

    @property
    def damage(self) -> str | None:
        """What is wrong with an index file."""
        return self.passages.damage or (self.words.damage if self.words else None)

    @cached_property
    def live(self) -> Bitmap | None:
        """The ids of all passages; ``None`` if nothing has been deleted."""
        return all_but(self.rows, self.dead) if len(self.dead) else None

    def search(
        self, queries: Float32, k: int, allowed: Bitmap | None = None, exact: bool = False, threads: int = 1
    ) -> tuple[Float32, Int64]:
        """The ``k`` live rows nearest to each query: scores float32[m, <= k], ids int64[m, <= k], best first.

        ``allowed`` narrows the choice further.
        """
        return self.searcher.search(queries, k, self._alive(allowed), exact, threads)

    def within(self, query: Float32, least: float, allowed: Bitmap | None = None) -> tuple[Float32, Int64]:
        """All live rows that score ``least`` or more, best first: scores float32[n], ids int64[n]."""
        return self.searcher.within(query, least, self._alive(allowed))

    def _alive(self, allowed: Bitmap | None) -> Bitmap | None:
        return self.live if allowed is None else allowed if self.live is None else allowed & self.live


def state(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """(generation, epoch, committed rows)."""
    generation, epoch, rows, *_ = read_state(connection)
    return generation, epoch, rows


def word_rows(connection: sqlite3.Connection) -> int:
    """Committed rows of the file of word vectors."""
    return int(connection.execute("SELECT ifnull(max(first + rows), 0) FROM word_blocks").fetchone()[0])


def load_snapshot(
    connection: sqlite3.Connection,
    folder: Path,
    encoder: StoredEncoder,
    metric: Metric,
    device: str,
    earlier: Snapshot | None,
    with_words: bool = False,
) -> Snapshot:
    """Read the committed state; what has not changed since ``earlier`` is taken from it.

    On a GPU every row is scanned, and no index is loaded. Words, of which there are many more than passages, are
    loaded when they are asked for, and then kept up to date.
    """
    generation, epoch, rows = state(connection)
    with_words = encoder.hidden_size is not None and (with_words or (earlier is not None and earlier.words is not None))
    if earlier is not None and earlier.epoch != epoch:
        earlier = None
    if earlier is not None and earlier.generation == generation and with_words == (earlier.words is not None):
        return earlier
    dead = _read_dead(connection, folder)
    files = vector_files(folder, epoch, encoder)
    passages = _indexed(
        connection, PASSAGES, files[PASSAGES], rows, metric, device, earlier.passages if earlier else None
    )
    if not with_words:
        return Snapshot(generation, epoch, passages, None, dead, None)
    rows = word_rows(connection)
    words = _indexed(connection, WORDS, files[WORDS], rows, Metric.COSINE, "cpu", earlier.words if earlier else None)
    return Snapshot(generation, epoch, passages, words, dead, _live_words(connection, rows))


def _indexed(
    connection: sqlite3.Connection,
    matrix: Matrix,
    vectors: VectorFile,
    rows: int,
    metric: Metric,
    device: str,
    earlier: IndexedRows | None,
) -> IndexedRows:
    folder = vectors.path.parent
    stored = vectors.open(rows, earlier.stored if earlier else None)
    indexing = read_indexing(connection, folder, matrix)
    parts, damage = _read_parts(folder, indexing.parts if device == "cpu" else (), earlier)
    searcher = Searcher(
        _rows(stored, vectors.dimension, metric, device), ApproximateIndex(parts, metric), indexing.point
    )
    return IndexedRows(stored, indexing, parts, searcher, damage)


def _live_words(connection: sqlite3.Connection, rows: int) -> Bitmap:
    """The rows that are words of a passage."""
    live = np.zeros(rows, dtype=bool)
    for first, number in connection.execute("SELECT first, number FROM words"):
        live[first : first + number] = True
    return bitmap_of(rows, np.flatnonzero(live))


def _read_dead(connection: sqlite3.Connection, folder: Path) -> Int64:
    """Ids of deleted rows, ascending; one too few or too many would change what is found."""
    _, _, rows, _, passages, total, *_ = read_state(connection)
    found = [row[0] for row in connection.execute("SELECT vector FROM dead ORDER BY vector")]
    dead = np.array(found, np.int64) if all(isinstance(one, int) for one in found) else np.empty(0, np.int64)
    if dead_sum(dead) != total or len(dead) + passages != rows:
        raise damaged(folder, "the table of deleted rows does not match its checksum")
    return dead


def read_indexing(connection: sqlite3.Connection, folder: Path, matrix: Matrix = PASSAGES) -> IndexState:
    """What the database says of the index, compared with its checksum."""
    if index_crc(connection) != read_state(connection)[7]:
        raise damaged(folder, "the tables of the index do not match their checksum")
    return read_index_state(connection, matrix)


def _rows(stored: StoredRows, dimension: int, metric: Metric, device: str) -> Rows:
    if device == "cpu":
        return Rows(stored, dimension, metric)
    from semsearch.index.gpu import GpuRows

    return GpuRows(stored, dimension, metric, device)


def _read_parts(
    folder: Path, records: Sequence[PartRecord], earlier: IndexedRows | None
) -> tuple[tuple[Part, ...], str | None]:
    """The index's parts up to the first that is not sound: rows from there on are tail, slower but as right."""
    known = dict(zip(earlier.indexing.parts, earlier.parts, strict=False)) if earlier else {}
    alone = thread_count() if len(records) == 1 else 1  # else each thread reads a part
    reading = [partial(_part, folder, record, known, alone) for record in records]
    parts: list[Part] = []
    for record, part in zip(records, run(reading, thread_count()), strict=True):
        if part is None or part.stop != record.first + record.rows:
            return tuple(parts), (
                f"index file {folder / record.file} is damaged or missing; its rows are searched without it, which is "
                f"slower: the next change rebuilds it, or run: semsearch compact {folder.name}"
            )
        parts.append(part)
    return tuple(parts), None


def _part(folder: Path, record: PartRecord, known: dict[PartRecord, Part], threads: int) -> Part | None:
    if record in known:
        return known[record]
    return Part.read(folder / record.file, record.sha256, record.first, threads) if is_own(record.file) else None
