"""The only code that changes a collection.

A write is: append the new rows to the vector file, fsync it, then commit the SQLite transaction that
counts them. Until that commit nothing has happened; after it everything has.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from semsearch.collection.database import (
    chunks,
    content_hash,
    encode_metadata,
    errors_translated,
    marks,
    passage_crc,
)
from semsearch.collection.passages import Prepared
from semsearch.collection.snapshot import state
from semsearch.collection.vectors import VectorFile
from semsearch.encoder import Encoded
from semsearch.errors import DuplicateIdError
from semsearch.index import FlatIndex
from semsearch.types import Document

__all__ = ["Stored", "Writer"]

TAIL_SHARE = 0.1
TAIL_ROWS = 1000
"""An index is built anew when the rows behind it are more than this share of all, and this many."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a document that is in the collection already."""

    number: int
    hash: bytes
    source: str | None


P = ParamSpec("P")
R = TypeVar("R")


def _translated(method: Callable[Concatenate[Writer, P], R]) -> Callable[Concatenate[Writer, P], R]:
    """Turn what the database and the file system raise in a method into this program's errors."""

    @wraps(method)
    def call(self: Writer, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with errors_translated(self.folder):
            return method(self, *args, **kwargs)

    return call


class Writer:
    """Changes one collection; made by the store, which holds the writer's lock."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, vectors: VectorFile) -> None:
        self._connection = connection
        self.folder = folder
        self._vectors = vectors
        with errors_translated(folder):
            self._execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, hash BLOB) WITHOUT ROWID")

    @_translated
    def commit(self, batch: Sequence[Prepared], encoded: Encoded) -> None:
        """Add documents, or replace those whose id is there, with one vector a span, in one commit."""
        generation, _, rows = state(self._connection)
        crc = self._vectors.append(rows, encoded.vectors) if len(encoded.vectors) else 0
        with self._transaction():
            vector = 0
            for prepared in batch:
                number = self._put_document(prepared.document)
                for ordinal, span in enumerate(prepared.spans):
                    values = (rows + vector, number, ordinal, *span, int(encoded.cut[vector]))
                    check = passage_crc(rows + vector, number, ordinal, span, int(encoded.cut[vector]))
                    self._execute("INSERT INTO passages VALUES (?,?,?,?,?,?,?)", (*values, check))
                    vector += 1
            if vector:
                self._execute("INSERT OR REPLACE INTO blocks VALUES (?,?,?)", (rows, vector, crc))
            self._execute("UPDATE state SET generation = ?, rows = ?", (generation + 1, rows + vector))

    @_translated
    def update(self, documents: Sequence[Document]) -> None:
        """Replace what is stored beside the text (source, metadata); vectors stay."""
        with self._transaction():
            for document in documents:
                self._execute(
                    "UPDATE documents SET source = ?, metadata = ?, hash = ? WHERE id = ?",
                    (document.source, encode_metadata(document.metadata), content_hash(document), document.id),
                )
            self._execute("UPDATE state SET generation = generation + 1")

    @_translated
    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents with their passages, in one commit; returns how many were there."""
        removed = 0
        with self._transaction():
            for part in chunks(ids):
                numbers = self._execute(f"SELECT number FROM documents WHERE id IN ({marks(part)})", part)  # noqa: S608
                for (number,) in numbers.fetchall():
                    self._bury(number)
                    self._execute("DELETE FROM documents WHERE number = ?", (number,))
                    removed += 1
            if removed:
                self._execute("UPDATE state SET generation = generation + 1")
        return removed

    @_translated
    def stored(self, ids: Sequence[str]) -> dict[str, Stored]:
        """What is known of those of the ids that are in the collection."""
        found = {}
        for part in chunks(ids):
            rows = self._execute(
                f"SELECT id, number, hash, source FROM documents WHERE id IN ({marks(part)})",  # noqa: S608
                part,
            )
            found.update({row[0]: Stored(*row[1:]) for row in rows})
        return found

    @_translated
    def same_words(self, stored: Stored, document: Document) -> bool:
        """Whether text and title are as stored, so that the vectors still hold."""
        row = self._execute("SELECT text, title FROM documents WHERE number = ?", (stored.number,)).fetchone()
        return bool(row == (document.text, document.title))

    @_translated
    def see(self, document: Document) -> bool:
        """Whether a document is the first of its id since the writer was made; False for the same one again.

        Raises :class:`DuplicateIdError` if it is another one.
        """
        digest = content_hash(document)
        known = self._execute("SELECT hash FROM seen WHERE id = ?", (document.id,)).fetchone()
        if known is None:
            self._execute("INSERT INTO seen VALUES (?, ?)", (document.id, digest))
        elif known[0] != digest:
            where = f", the second in {document.source}" if document.source else ""
            raise DuplicateIdError(f"two documents have the id {document.id!r}{where}; give each its own")
        return known is None

    @_translated
    def unseen(self, source: str) -> list[str]:
        """Ids of the documents that come from a source, or from below it, and were not seen."""
        rows = self._execute(
            "SELECT id FROM documents WHERE id NOT IN (SELECT id FROM seen) "
            "AND (source = ?1 OR substr(source, 1, length(?2)) = ?2)",
            (source, source.rstrip("/") + "/"),
        )
        return [row[0] for row in rows]

    @_translated
    def build_index(self) -> None:
        """Write a new index file if the tail has grown; readers go on with the old one meanwhile."""
        generation, _, rows = state(self._connection)
        recorded = self._execute("SELECT file, rows FROM indexes").fetchone()
        covered = recorded[1] if recorded and (self.folder / recorded[0]).is_file() else 0
        if rows - covered <= max(TAIL_ROWS, TAIL_SHARE * rows):
            return
        index = FlatIndex.build(self._vectors.dimension, rows, self._vectors.blocks(0, rows))
        path = self.folder / f"index-{generation + 1}.faiss"
        sha256 = index.write(path)
        sync_folder(self.folder)
        with self._transaction():
            self._execute("DELETE FROM indexes")
            self._execute("INSERT INTO indexes VALUES (?,?,?)", (path.name, rows, sha256))
            self._execute("UPDATE state SET generation = generation + 1")
        for file in self.folder.glob("*index-*.faiss*"):  # earlier ones, and what a crash left behind
            if file != path:
                file.unlink(missing_ok=True)

    def _put_document(self, document: Document) -> int:
        metadata = encode_metadata(document.metadata)
        values = (document.text, document.title, document.source, metadata, content_hash(document))
        row = self._execute("SELECT number FROM documents WHERE id = ?", (document.id,)).fetchone()
        if row is None:
            inserted = self._execute(
                "INSERT INTO documents (id, text, title, source, metadata, hash) VALUES (?,?,?,?,?,?)",
                (document.id, *values),
            )
            return int(inserted.lastrowid or 0)
        self._bury(row[0])
        self._execute(
            "UPDATE documents SET text = ?, title = ?, source = ?, metadata = ?, hash = ? WHERE number = ?",
            (*values, row[0]),
        )
        return int(row[0])

    def _bury(self, number: int) -> None:
        """Mark the rows of a document's passages as dead, and forget the passages."""
        self._execute("INSERT INTO dead SELECT vector FROM passages WHERE document = ?", (number,))
        self._execute("DELETE FROM passages WHERE document = ?", (number,))

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)


class _Transaction:
    """``BEGIN IMMEDIATE`` … ``COMMIT``, or ``ROLLBACK`` when the block raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # the block failed, or the commit did: a full disk
                self._connection.execute("ROLLBACK")


def sync_folder(folder: Path) -> None:
    """Make renames and new files of a folder durable (POSIX only; Windows does so by itself)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
