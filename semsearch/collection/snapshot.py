"""One committed state of a collection, as a reader holds it: immutable, and shared by threads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.collection.database import chunks, content_hash, marks, passage_crc
from semsearch.collection.vectors import VectorFile
from semsearch.errors import DamagedError
from semsearch.index import Bitmap, FlatIndex, bitmap
from semsearch.types import Document, Float32, Int64

__all__ = ["Snapshot", "StoredPassage", "load_snapshot", "read_passages", "state"]

Record = tuple[str, int, str]
"""Name of an index file, the number of rows it covers, and its SHA-256."""


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with its document, read and checked."""

    vector: int
    ordinal: int
    start: int
    stop: int
    document: Document


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows 0 … ``rows`` - 1 of the vector file as searched: the index, then the tail behind it.

    ``record`` is the database's line about the index file; ``tail`` holds the rows that are newer than the
    index and is scanned like it; ``dead`` are the ids of rows whose passage has been deleted, ascending.
    """

    generation: int
    rows: int
    vectors: VectorFile
    record: Record | None
    index: FlatIndex
    tail: FlatIndex
    dead: Int64

    def search(self, queries: Float32, k: int, without: Int64 | None = None) -> tuple[Float32, Int64]:
        """The ``k`` live rows nearest to each query: scores float32[m, <= k], ids int64[m, <= k], best first.

        ``without`` names further rows to leave out.
        """
        hidden = self.dead if without is None else np.union1d(self.dead, without)
        k = min(k, self.rows - len(hidden))
        if k <= 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        split = self.index.rows
        front = _scan(self.index, queries, k, hidden[hidden < split])
        back = _scan(self.tail, queries, k, hidden[hidden >= split] - split)
        scores = np.concatenate([front[0], back[0]], axis=1)
        ids = np.concatenate([front[1], np.where(back[1] < 0, -1, back[1] + split)], axis=1)
        scores = np.where(ids < 0, -np.inf, scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def _scan(index: FlatIndex, queries: Float32, k: int, hidden: Int64) -> tuple[Float32, Int64]:
    if index.rows == 0:
        return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    allowed: Bitmap | None = bitmap(index.rows, hidden) if len(hidden) else None
    return index.search(queries, k, allowed)


def state(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """(generation, epoch, committed rows)."""
    row: tuple[int, int, int] = connection.execute("SELECT generation, epoch, rows FROM state").fetchone()
    return row


def load_snapshot(
    connection: sqlite3.Connection, folder: Path, vectors: VectorFile, earlier: Snapshot | None
) -> Snapshot:
    """Read the committed state; what has not changed since ``earlier`` is taken from it."""
    generation, _, rows = state(connection)
    if earlier is not None and earlier.vectors.path != vectors.path:
        earlier = None
    if earlier is not None and earlier.generation == generation:
        return earlier
    dead = np.fromiter((row[0] for row in connection.execute("SELECT vector FROM dead ORDER BY vector")), np.int64)
    record = connection.execute("SELECT file, rows, sha256 FROM indexes").fetchone()
    if earlier is not None and earlier.record == record:
        index, tail = earlier.index, earlier.tail
    else:
        index, tail = _read_index(folder, record, vectors.dimension), None
    if tail is None or index.rows + tail.rows != rows:
        tail = FlatIndex.build(vectors.dimension, rows - index.rows, vectors.blocks(index.rows, rows))
    return Snapshot(generation, rows, vectors, record, index, tail, dead)


def _read_index(folder: Path, record: Record | None, dimension: int) -> FlatIndex:
    """The recorded index file; without a sound one everything is tail, which is slower but as right."""
    if record is not None:
        file, rows, sha256 = record
        found = FlatIndex.read(folder / file, sha256)
        if found is not None and found.rows == rows:
            return found
    return FlatIndex.build(dimension, 0, ())


def read_passages(connection: sqlite3.Connection, vectors: Sequence[int], path: Path) -> dict[int, StoredPassage]:
    """The passages of live vector ids, each checked against its checksum and its document's hash."""
    found: dict[int, StoredPassage] = {}
    for part in chunks(list(vectors)):
        rows = connection.execute(
            "SELECT p.vector, p.document, p.ordinal, p.start, p.stop, p.cut, p.crc, "  # noqa: S608 - only ? marks
            "d.id, d.text, d.title, d.source, d.metadata, d.hash "
            f"FROM passages p JOIN documents d ON d.number = p.document WHERE p.vector IN ({marks(part)})",
            part,
        )
        for row in rows:
            found[row[0]] = _checked_passage(row, path)
    lost = [vector for vector in vectors if vector not in found]
    if lost:
        raise DamagedError(f"passage {lost[0]} of collection {path} is not in the database; build it again")
    return found


def _checked_passage(row: tuple[Any, ...], path: Path) -> StoredPassage:
    vector, number, ordinal, start, stop, cut, crc, *rest = row
    if passage_crc(vector, number, ordinal, (start, stop), cut) != crc:
        raise DamagedError(f"passage {vector} of collection {path} does not match its checksum; build it again")
    return StoredPassage(vector, ordinal, start, stop, checked_document(tuple(rest), path))


def checked_document(row: tuple[Any, ...], path: Path) -> Document:
    """A document from (id, text, title, source, metadata, hash), compared with its hash."""
    identifier, text, title, source, metadata, stored_hash = row
    try:
        document = Document(text, identifier, title, source, json.loads(metadata))
        sound = content_hash(document) == stored_hash
    except (TypeError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise DamagedError(
            f"document {identifier!r} of collection {path} does not match its hash: the database was damaged "
            "after it was written; delete the document and index it again"
        )
    return document
