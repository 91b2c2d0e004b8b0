"""The only code that changes a collection.

A write is: append the new rows to the vector file, fsync it, then commit the SQLite transaction that
counts them. Until that commit nothing has happened; after it everything has.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from semsearch.collection.database import (
    chunks,
    content_hash,
    encode_metadata,
    errors_translated,
    has_index_tables,
    marks,
    passage_crc,
    renew_index_tables,
)
from semsearch.collection.indexing import IndexBuilder, IndexState, read_index_state, write_index_state
from semsearch.collection.passages import Prepared
from semsearch.collection.places import vector_file
from semsearch.collection.snapshot import state
from semsearch.collection.vectors import VectorFile
from semsearch.encoder import Encoded
from semsearch.errors import DuplicateIdError
from semsearch.index import Rows, Target, check_factory
from semsearch.types import Document, Metric

__all__ = ["Stored", "Writer"]

DEAD_SHARE = 0.3
DEAD_ROWS = 10_000
"""Deleted rows are removed from the files when they are more than this share of all, and this many."""
AUTO = "auto"
"""The factory of those who leave the choice to the program."""
COMPACTED_ROWS = 16_384
"""Rows that are copied at a time."""


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

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        dimension: int,
        metric: Metric,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._connection = connection
        self.folder = folder
        self._dimension = dimension
        self._metric = metric
        self._notify = notify or (lambda _: None)
        with errors_translated(folder):
            if not has_index_tables(connection):
                renew_index_tables(connection)
            self._execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, hash BLOB) WITHOUT ROWID")

    @_translated
    def commit(self, batch: Sequence[Prepared], encoded: Encoded) -> None:
        """Add documents, or replace those whose id is there, with one vector a span, in one commit."""
        generation, _, rows = state(self._connection)
        crc = self._vectors().append(rows, encoded.vectors) if len(encoded.vectors) else 0
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
    def maintain(self) -> None:
        """What is due after a write: remove deleted rows if they are many, and renew the index."""
        _, _, rows = state(self._connection)
        dead = self._execute("SELECT count(*) FROM dead").fetchone()[0]
        if dead > max(DEAD_ROWS, DEAD_SHARE * rows):
            self.compact()
        else:
            before = read_index_state(self._connection)
            self._record(self._builder().renewed(before), before)

    @_translated
    def compact(self) -> None:
        """Write the vector file without its deleted rows and the index anew, and put both in place in one commit.

        Until then, and after a crash before it, the old files count.
        """
        generation, epoch, rows = state(self._connection)
        before = read_index_state(self._connection)
        if not self._execute("SELECT count(*) FROM dead").fetchone()[0]:
            self._record(self._builder().renewed(before, anew=True), before)
            return
        compacted = VectorFile(vector_file(self.folder, epoch + 1), self._dimension)
        compacted.path.unlink(missing_ok=True)  # of a compaction that was interrupted
        compacted.create()
        self._notify(f"removing deleted rows from {rows:,}")
        blocks = list(self._copied(compacted))
        kept = sum(count for _, count, _ in blocks)
        index = self._builder(compacted, kept).renewed(before, anew=True)
        sync_folder(self.folder)
        with self._transaction():
            self._renumber()
            self._execute("DELETE FROM dead")
            self._execute("DELETE FROM blocks")
            self._connection.executemany("INSERT INTO blocks VALUES (?,?,?)", blocks)
            write_index_state(self._connection, index)
            self._execute("UPDATE state SET generation = ?, epoch = ?, rows = ?", (generation + 1, epoch + 1, kept))
        self._sweep()

    @_translated
    def use_index(self, factory: str) -> None:
        """Build the index of this FAISS factory string from now on; ``auto`` leaves the choice to the program."""
        before = read_index_state(self._connection)
        if factory != AUTO:
            check_factory(factory, self._dimension, self._metric)
        self._record(replace(before, factory=None if factory == AUTO else factory), before)

    @_translated
    def tune(self, target: Target) -> IndexState:
        """Choose the operating point that serves this target best, now and when the index is measured again."""
        before = read_index_state(self._connection)
        wanted = replace(before, target=target)
        tuned = self._builder().tuned(wanted, again=True) if before.parts else wanted
        self._record(tuned, before)
        return tuned

    def _vectors(self) -> VectorFile:
        return VectorFile(vector_file(self.folder, state(self._connection)[1]), self._dimension)

    def _builder(self, vectors: VectorFile | None = None, rows: int | None = None) -> IndexBuilder:
        """A builder over the committed rows, or over those of another vector file."""
        generation, _, committed = state(self._connection)
        stored = (vectors or self._vectors()).open(committed if rows is None else rows)
        return IndexBuilder(
            self.folder,
            Rows(stored, self._dimension, self._metric),
            lambda first: f"index-{generation + 1}-{first}.faiss",
            self._notify,
        )

    def _record(self, index: IndexState, before: IndexState) -> None:
        """Commit an index whose files are there already."""
        if index == before:
            return
        sync_folder(self.folder)
        with self._transaction():
            write_index_state(self._connection, index)
            self._execute("UPDATE state SET generation = generation + 1")
        self._sweep()

    def _sweep(self) -> None:
        """Remove the files of earlier states, and what a crash left behind; who has them open keeps them."""
        _, epoch, _ = state(self._connection)
        wanted = {part.file for part in read_index_state(self._connection).parts} | {
            vector_file(self.folder, epoch).name
        }
        for pattern in ("*index-*.faiss*", "vectors-*.f16"):
            for file in self.folder.glob(pattern):
                if file.name not in wanted:
                    file.unlink(missing_ok=True)

    def _copied(self, target: VectorFile) -> Iterator[tuple[int, int, int]]:
        """Append the rows of all passages to another file; yields each append's first row, rows and checksum."""
        source = Rows(self._vectors().open(state(self._connection)[2]), self._dimension, self._metric)
        live = np.fromiter((row[0] for row in self._execute("SELECT vector FROM passages ORDER BY vector")), np.int64)
        for first in range(0, len(live), COMPACTED_ROWS):
            vectors = source.take(live[first : first + COMPACTED_ROWS])
            yield first, len(vectors), target.append(first, vectors)

    def _renumber(self) -> None:
        """Give passages the vector ids 0, 1, 2, … in their order."""
        self._execute("CREATE TEMP TABLE former AS SELECT * FROM passages ORDER BY vector")
        self._execute("DELETE FROM passages")
        rows = self._execute("SELECT document, ordinal, start, stop, cut FROM former ORDER BY vector")
        self._connection.executemany(
            "INSERT INTO passages VALUES (?,?,?,?,?,?,?)",
            (
                (vector, number, ordinal, start, stop, cut, passage_crc(vector, number, ordinal, (start, stop), cut))
                for vector, (number, ordinal, start, stop, cut) in enumerate(rows)
            ),
        )
        self._execute("DROP TABLE former")

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
