"""One committed state of a collection, as a reader holds it: immutable, and shared by threads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.collection.database import chunks, content_hash, marks, passage_crc
from semsearch.collection.indexing import IndexState, PartRecord, read_index_state
from semsearch.collection.places import is_own
from semsearch.collection.seals import damaged, dead_sum, document_crc, index_crc, read_state
from semsearch.collection.vectors import StoredRows, VectorFile
from semsearch.errors import DamagedError
from semsearch.index import ApproximateIndex, Bitmap, Part, Rows, Searcher, all_but
from semsearch.index.threads import run
from semsearch.settings import thread_count
from semsearch.types import Document, Float32, Int64, Metric, Span

__all__ = [
    "DOCUMENT",
    "Snapshot",
    "StoredPassage",
    "checked_document",
    "load_snapshot",
    "passages_of",
    "passages_where",
    "read_indexing",
    "read_passages",
    "state",
]

DOCUMENT = "d.number, d.id, d.hash, d.passages, d.crc, d.title, d.source, d.metadata, d.text"
"""What :func:`checked_document` takes."""


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with its document, read and checked."""

    vector: int
    ordinal: int
    start: int
    stop: int
    document: Document


@dataclass(frozen=True)
class Snapshot:
    """Rows 0 … ``rows`` - 1 of the vector file as searched: under an index, or as the tail behind it.

    ``dead`` are the ids of rows whose passage has been deleted, ascending.
    """

    generation: int
    epoch: int
    stored: StoredRows
    indexing: IndexState
    parts: tuple[Part, ...]
    searcher: Searcher
    dead: Int64
    damage: str | None
    """What is wrong with an index file, which is therefore not used."""

    @property
    def rows(self) -> int:
        """Number of vector ids, deleted ones included."""
        return len(self.searcher.rows)

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


def load_snapshot(
    connection: sqlite3.Connection, vectors: VectorFile, metric: Metric, device: str, earlier: Snapshot | None
) -> Snapshot:
    """Read the committed state; what has not changed since ``earlier`` is taken from it.

    On a GPU every row is scanned, and no index is loaded.
    """
    generation, epoch, rows = state(connection)
    if earlier is not None and earlier.epoch != epoch:
        earlier = None
    if earlier is not None and earlier.generation == generation:
        return earlier
    dead = _read_dead(connection, vectors.path.parent)
    stored = vectors.open(rows, earlier.stored if earlier else None)
    indexing = read_indexing(connection, vectors.path.parent)
    parts, damage = _read_parts(vectors.path.parent, indexing.parts if device == "cpu" else (), earlier)
    searcher = Searcher(
        _rows(stored, vectors.dimension, metric, device), ApproximateIndex(parts, metric), indexing.point
    )
    return Snapshot(generation, epoch, stored, indexing, parts, searcher, dead, damage)


def _read_dead(connection: sqlite3.Connection, folder: Path) -> Int64:
    """Ids of deleted rows, ascending; one too few or too many would change what is found."""
    _, _, rows, _, passages, total, *_ = read_state(connection)
    found = [row[0] for row in connection.execute("SELECT vector FROM dead ORDER BY vector")]
    dead = np.array(found, np.int64) if all(isinstance(one, int) for one in found) else np.empty(0, np.int64)
    if dead_sum(dead) != total or len(dead) + passages != rows:
        raise damaged(folder, "the table of deleted rows does not match its checksum")
    return dead


def read_indexing(connection: sqlite3.Connection, folder: Path) -> IndexState:
    """What the database says of the index, compared with its checksum."""
    if index_crc(connection) != read_state(connection)[7]:
        raise damaged(folder, "the tables of the index do not match their checksum")
    return read_index_state(connection)


def _rows(stored: StoredRows, dimension: int, metric: Metric, device: str) -> Rows:
    if device == "cpu":
        return Rows(stored, dimension, metric)
    from semsearch.index.gpu import GpuRows

    return GpuRows(stored, dimension, metric, device)


def _read_parts(
    folder: Path, records: Sequence[PartRecord], earlier: Snapshot | None
) -> tuple[tuple[Part, ...], str | None]:
    """The index's parts up to the first that is not sound: rows from there on are tail, slower but as right."""
    known = dict(zip(earlier.indexing.parts, earlier.parts, strict=False)) if earlier else {}
    reading = [partial(_part, folder, record, known) for record in records]
    parts: list[Part] = []
    for record, part in zip(records, run(reading, thread_count()), strict=True):
        if part is None or part.stop != record.first + record.rows:
            return tuple(parts), (
                f"index file {folder / record.file} is damaged or missing; its rows are searched without it, which is "
                f"slower: the next change rebuilds it, or run: semsearch compact {folder.name}"
            )
        parts.append(part)
    return tuple(parts), None


def _part(folder: Path, record: PartRecord, known: dict[PartRecord, Part]) -> Part | None:
    """Checksums take most of the time to open a collection, and threads can share them."""
    if record in known:
        return known[record]
    return Part.read(folder / record.file, record.sha256, record.first) if is_own(record.file) else None


def read_passages(connection: sqlite3.Connection, vectors: Sequence[int], path: Path) -> dict[int, StoredPassage]:
    """The passages of live vector ids, each checked against its checksum and its document's hash."""
    found: dict[int, StoredPassage] = {}
    documents: dict[int, Document] = {}
    for part in chunks(list(vectors)):
        rows = connection.execute(
            "SELECT p.vector, p.document, p.ordinal, p.start, p.stop, p.cut, p.crc, "  # noqa: S608 - only ? marks
            f"{DOCUMENT} "
            f"FROM passages p JOIN documents d ON d.number = p.document WHERE p.vector IN ({marks(part)})",
            part,
        )
        for row in rows:
            found[row[0]] = _checked_passage(row, path, documents)
    lost = [vector for vector in vectors if vector not in found]
    if lost:
        raise DamagedError(
            f"passage {lost[0]} of collection {path} is not in the database; run: semsearch verify {path.name}"
        )
    return found


def passages_of(connection: sqlite3.Connection, identifier: str, path: Path) -> list[int] | None:
    """Vector ids of a document's passages in order, as many as there must be; ``None`` if there is no such document."""
    rows = connection.execute(f"SELECT {DOCUMENT} FROM documents d WHERE id = ?", (identifier,))  # noqa: S608
    row = rows.fetchone()
    if row is None:
        return None
    checked_document(row, path)
    number, count = row[0], row[3]
    found = connection.execute("SELECT vector, ordinal FROM passages WHERE document = ? ORDER BY ordinal", (number,))
    vectors = found.fetchall()
    if row[1] != identifier or [ordinal for _, ordinal in vectors] != list(range(count)):
        raise damaged(path, f"the {count} passages of document {identifier!r} are not all found")
    read_passages(connection, [vector for vector, _ in vectors], path)
    return [vector for vector, _ in vectors]


def passages_where(connection: sqlite3.Connection, wanted: Callable[[str], object], path: Path) -> list[int]:
    """Ids of the passages whose text fulfils a condition; one that fulfils it is in a document that does, too.

    What is passed over is compared with its checksums as well, lest damage go unnoticed.
    """
    found: list[int] = []
    for row in connection.execute(f"SELECT {DOCUMENT} FROM documents d ORDER BY number"):  # noqa: S608 - columns of ours
        text = checked_document(row, path).text
        if wanted(text):
            spans = _checked_spans(connection, row[0], row[3], path)
            found += [vector for vector, (start, stop) in spans if wanted(text[start:stop])]
    return found


def _checked_spans(connection: sqlite3.Connection, number: int, count: int, path: Path) -> list[tuple[int, Span]]:
    """Vector ids and spans of a document's passages, ``count`` of them, in order."""
    columns = "SELECT vector, ordinal, start, stop, cut, crc FROM passages WHERE document = ? ORDER BY ordinal"
    rows = connection.execute(columns, (number,)).fetchall()
    for vector, ordinal, start, stop, cut, crc in rows:
        if passage_crc(vector, number, ordinal, (start, stop), cut) != crc:
            raise damaged(path, f"passage {vector} does not match its checksum")
    if len(rows) != count:
        raise damaged(path, f"the {count} passages of document {number} are not all found")
    return [(vector, (start, stop)) for vector, _, start, stop, _, _ in rows]


def _checked_passage(row: tuple[Any, ...], path: Path, documents: dict[int, Document]) -> StoredPassage:
    """A passage from a row; its document is checked once, and kept in ``documents``."""
    vector, number, ordinal, start, stop, cut, crc, *rest = row
    if passage_crc(vector, number, ordinal, (start, stop), cut) != crc:
        raise DamagedError(
            f"passage {vector} of collection {path} does not match its checksum; run: semsearch verify {path.name}"
        )
    document = documents[number] = documents.get(number) or checked_document(tuple(rest), path)
    if not 0 <= start <= stop <= len(document.text):
        raise DamagedError(
            f"passage {vector} of collection {path} is not inside its document; run: semsearch verify {path.name}"
        )
    return StoredPassage(vector, ordinal, start, stop, document)


def checked_document(row: tuple[Any, ...], path: Path) -> Document:
    """A document from a row of the columns ``DOCUMENT``, compared with its hash and its checksum."""
    number, identifier, stored_hash, passages, crc, title, source, metadata, text = row
    try:
        document = Document(text, identifier, title, source, json.loads(metadata))
        sound = content_hash(document) == stored_hash
    except (TypeError, ValueError, RecursionError):
        sound = False
    if not sound or document_crc(number, identifier, passages, stored_hash) != crc:
        raise DamagedError(
            f"document {identifier!r} of collection {path} does not match its hash: the database was damaged "
            f"after it was written; run: semsearch verify {path.name}"
        )
    return document
