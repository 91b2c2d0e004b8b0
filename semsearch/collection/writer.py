"""The only code that changes a collection.

A write is: append the new rows to the vector files, fsync them, then commit the SQLite transaction that
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

from semsearch.collection.committed import note_commit
from semsearch.collection.database import (
    chunks,
    content_hash,
    encode_metadata,
    errors_translated,
    marks,
    passage_crc,
)
from semsearch.collection.indexing import IndexBuilder, IndexState, read_index_state, write_index_state
from semsearch.collection.passages import EncodedPassages, Prepared
from semsearch.collection.places import DATABASE, PASSAGES, WORDS, Matrix
from semsearch.collection.seals import damaged, document_crc, seal
from semsearch.collection.settings import StoredEncoder
from semsearch.collection.snapshot import state, word_rows
from semsearch.collection.vectors import StoredRows, VectorFile, vector_files
from semsearch.collection.words import packed, words_crc
from semsearch.errors import DuplicateIdError
from semsearch.index import Rows, Target, check_factory
from semsearch.types import Document, Float32, Int64, Metric

__all__ = ["Stored", "Writer"]

DEAD_SHARE = 0.3
DEAD_ROWS = 10_000
"""Deleted rows are removed from the files when they are more than this share of all, and this many."""
Block = tuple[int, int, int]
"""An append to a vector file: its first row, how many rows it has, and its checksum."""
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
        encoder: StoredEncoder,
        metric: Metric,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._connection = connection
        self.folder = folder
        self._encoder = encoder
        self._metrics = {PASSAGES: metric} if encoder.hidden_size is None else {PASSAGES: metric, WORDS: Metric.COSINE}
        self._notify = notify or (lambda _: None)
        with errors_translated(folder):
            self._execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, hash BLOB) WITHOUT ROWID")

    @_translated
    def commit(self, batch: Sequence[Prepared], encoded: EncodedPassages) -> None:
        """Add documents, or replace those whose id is there, with one vector a span, in one commit."""
        generation, _, rows = state(self._connection)
        appended = [self._appended(PASSAGES, encoded.pooled.vectors)]
        word = self._rows(WORDS) if encoded.words is not None else 0
        if encoded.words:
            appended.append(self._appended(WORDS, np.concatenate([one.vectors for one in encoded.words])))
        with self._transaction():
            vector = 0
            for prepared in batch:
                number = self._put_document(prepared.document, len(prepared.spans))
                for ordinal, span in enumerate(prepared.spans):
                    cut = int(encoded.pooled.cut[vector])
                    check = passage_crc(rows + vector, number, ordinal, span, cut)
                    values = (rows + vector, number, ordinal, *span, cut, check)
                    self._execute("INSERT INTO passages VALUES (?,?,?,?,?,?,?)", values)
                    if encoded.words is not None:
                        word = self._put_words(rows + vector, word, packed(encoded.words[vector].spans, span[0]))
                    vector += 1
            for block in filter(None, appended):
                self._note_block(*block)
            self._execute("UPDATE state SET generation = ?, rows = ?", (generation + 1, rows + vector))

    def _appended(self, matrix: Matrix, vectors: Float32) -> tuple[Matrix, Block] | None:
        """Write rows behind the committed ones; what is to be noted of them, if there are any."""
        first = self._rows(matrix)
        return (matrix, (first, len(vectors), self._file(matrix).append(first, vectors))) if len(vectors) else None

    def _note_block(self, matrix: Matrix, block: Block) -> None:
        table = matrix.blocks
        self._execute(f"INSERT OR REPLACE INTO {table} VALUES (?,?,?)", block)  # noqa: S608 - a name of ours

    def _put_words(self, passage: int, first: int, spans: bytes) -> int:
        """Note where a passage's words are; gives the row behind them."""
        number = (len(spans) - 1) // (2 * spans[0])
        values = (passage, first, number, spans)
        self._execute("INSERT INTO words VALUES (?,?,?,?,?)", (*values, words_crc(*values)))
        return first + number

    @_translated
    def update(self, documents: Sequence[Document]) -> None:
        """Replace what is stored beside the text (source, metadata); vectors stay."""
        with self._transaction():
            for document in documents:
                digest = content_hash(document)
                row = self._execute("SELECT number, passages FROM documents WHERE id = ?", (document.id,)).fetchone()
                crc = document_crc(row[0], str(document.id), row[1], digest)
                self._execute(
                    "UPDATE documents SET source = ?, metadata = ?, hash = ?, crc = ? WHERE number = ?",
                    (document.source, encode_metadata(document.metadata), digest, crc, row[0]),
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
                f"SELECT id, number, hash, passages, crc, source FROM documents WHERE id IN ({marks(part)})",  # noqa: S608
                part,
            )
            for identifier, number, digest, passages, crc, source in rows:
                if document_crc(number, identifier, passages, digest) != crc:
                    raise damaged(self.folder, f"document {identifier!r} does not match its checksum")
                found[identifier] = Stored(number, digest, source)
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
            self._renew()

    @_translated
    def compact(self) -> None:
        """Write the vector file without its deleted rows and the index anew, and put both in place in one commit.

        Until then, and after a crash before it, the old files count.
        """
        generation, epoch, rows = state(self._connection)
        if not self._execute("SELECT count(*) FROM dead").fetchone()[0]:
            self._renew(anew=True)
            return
        self._notify(f"removing deleted rows from {rows:,}")
        compacted = {matrix: self._compacted(matrix, epoch + 1) for matrix in self._metrics}
        sync_folder(self.folder)
        with self._transaction():
            self._renumber()
            self._execute("DELETE FROM dead")
            for matrix, (blocks, index) in compacted.items():
                table = matrix.blocks
                self._execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
                for block in blocks:
                    self._note_block(matrix, block)
                write_index_state(self._connection, index, matrix)
            kept = sum(count for _, count, _ in compacted[PASSAGES][0])
            self._execute("UPDATE state SET generation = ?, epoch = ?, rows = ?", (generation + 1, epoch + 1, kept))
        self.sweep()

    def _compacted(self, matrix: Matrix, epoch: int) -> tuple[list[Block], IndexState]:
        """Copy the rows that count to the file of another epoch, and build their index."""
        target = self._file(matrix, epoch)
        target.path.unlink(missing_ok=True)  # of a compaction that was interrupted
        target.create()
        blocks = list(self._copied(matrix, target))
        rows = target.open(sum(count for _, count, _ in blocks))
        return blocks, self._builder(matrix, rows).renewed(read_index_state(self._connection, matrix), anew=True)

    @_translated
    def use_index(self, factory: str) -> None:
        """Build the index of this FAISS factory string from now on; ``auto`` leaves the choice to the program."""
        before = read_index_state(self._connection)
        if factory != AUTO:
            check_factory(factory, self._encoder.dimension, self._metrics[PASSAGES])
        self._record(PASSAGES, replace(before, factory=None if factory == AUTO else factory), before)

    @_translated
    def tune(self, target: Target) -> IndexState:
        """Choose the operating point that serves this target best, now and when the index is measured again."""
        before = read_index_state(self._connection)
        wanted = replace(before, target=target)
        tuned = self._builder(PASSAGES).tuned(wanted, again=True) if before.parts else wanted
        self._record(PASSAGES, tuned, before)
        return tuned

    def _file(self, matrix: Matrix, epoch: int | None = None) -> VectorFile:
        """The vector file of the committed epoch, or of another."""
        return vector_files(self.folder, state(self._connection)[1] if epoch is None else epoch, self._encoder)[matrix]

    def _rows(self, matrix: Matrix) -> int:
        """How many rows of a vector file are committed."""
        return word_rows(self._connection) if matrix == WORDS else state(self._connection)[2]

    def _searchable(self, matrix: Matrix, stored: StoredRows | None = None) -> Rows:
        """The committed rows, or those of another vector file."""
        file = self._file(matrix)
        return Rows(stored or file.open(self._rows(matrix)), file.dimension, self._metrics[matrix])

    def _builder(self, matrix: Matrix, stored: StoredRows | None = None) -> IndexBuilder:
        """A builder over the committed rows, or over those of another vector file."""
        generation = state(self._connection)[0]
        return IndexBuilder(
            self.folder,
            self._searchable(matrix, stored),
            lambda first: f"{matrix.index}-{generation + 1}-{first}.faiss",
            self._notify,
        )

    def _renew(self, anew: bool = False) -> None:
        """Build what is due of each index, or all of it."""
        for matrix in self._metrics:
            before = read_index_state(self._connection, matrix)
            self._record(matrix, self._builder(matrix).renewed(before, anew), before)

    def _record(self, matrix: Matrix, index: IndexState, before: IndexState) -> None:
        """Commit an index whose files are there already."""
        if index == before:
            return
        sync_folder(self.folder)
        with self._transaction():
            write_index_state(self._connection, index, matrix)
            self._execute("UPDATE state SET generation = generation + 1")
        self.sweep()

    @_translated
    def keep_index_choice(self, wanted: IndexState) -> None:
        """Note which index the user wants, without building one."""
        with self._transaction():
            write_index_state(self._connection, wanted)

    def sweep(self) -> None:
        """Remove the files of earlier states, and what a crash left behind; who has them open keeps them."""
        wanted = {self._file(matrix).path.name for matrix in self._metrics}
        wanted |= {part.file for matrix in self._metrics for part in read_index_state(self._connection, matrix).parts}
        for pattern in ("*index-*.faiss*", "vectors-*.f16", "words-*.u8"):
            for file in self.folder.glob(pattern):
                if file.name not in wanted:
                    file.unlink(missing_ok=True)

    def _copied(self, matrix: Matrix, target: VectorFile) -> Iterator[Block]:
        """Append the rows that count to another file; yields what is to be noted of each append."""
        source = self._searchable(matrix)
        live = self._live(matrix)
        for first in range(0, len(live), COMPACTED_ROWS):
            vectors = source.take(live[first : first + COMPACTED_ROWS])
            yield first, len(vectors), target.append(first, vectors)

    def _live(self, matrix: Matrix) -> Int64:
        """The rows of passages, or of their words, in the order of passages."""
        if matrix == WORDS:
            spans = self._execute("SELECT first, number FROM words ORDER BY passage").fetchall()
            return np.concatenate([np.arange(0), *(np.arange(first, first + number) for first, number in spans)])
        return np.fromiter((row[0] for row in self._execute("SELECT vector FROM passages ORDER BY vector")), np.int64)

    def _renumber(self) -> None:
        """Give passages the vector ids 0, 1, 2, … in their order, and their words likewise."""
        if WORDS in self._metrics:
            self._renumber_words()
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

    def _renumber_words(self) -> None:
        former = self._execute("SELECT passage, first, number, spans, crc FROM words ORDER BY passage").fetchall()
        if not all(words_crc(*row[:4]) == row[4] for row in former):
            raise damaged(self.folder, "the words of a passage do not match their checksum")
        self._execute("DELETE FROM words")
        word = 0
        for passage, row in enumerate(former):
            word = self._put_words(passage, word, row[3])

    def _put_document(self, document: Document, passages: int) -> int:
        row = self._execute("SELECT number FROM documents WHERE id = ?", (document.id,)).fetchone()
        if row is None:
            number = int(self._execute("SELECT ifnull(max(number), 0) + 1 FROM documents").fetchone()[0])
        else:
            number = int(row[0])
            self._bury(number)
        metadata, digest = encode_metadata(document.metadata), content_hash(document)
        crc = document_crc(number, str(document.id), passages, digest)
        self._execute(
            "INSERT INTO documents (number, id, hash, passages, crc, title, source, metadata, text) "
            "VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (number) DO UPDATE SET hash = excluded.hash, "
            "passages = excluded.passages, crc = excluded.crc, title = excluded.title, source = excluded.source, "
            "metadata = excluded.metadata, text = excluded.text",
            (number, document.id, digest, passages, crc, document.title, document.source, metadata, document.text),
        )
        return number

    def _bury(self, number: int) -> None:
        """Mark the rows of a document's passages as dead, and forget the passages."""
        if WORDS in self._metrics:
            self._execute(
                "DELETE FROM words WHERE passage IN (SELECT vector FROM passages WHERE document = ?)", (number,)
            )
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
                seal(self._connection)
                self._connection.execute("COMMIT")
                self._note()
        finally:
            if self._connection.in_transaction:  # the block failed, or the commit did: a full disk
                self._connection.execute("ROLLBACK")

    def _note(self) -> None:
        path = Path(self._connection.execute("PRAGMA database_list").fetchone()[2])
        if path.name == DATABASE:  # and not one that is to become it
            note_commit(path.parent, state(self._connection)[0])


def sync_folder(folder: Path) -> None:
    """Make renames and new files of a folder durable (POSIX only; Windows does so by itself)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
