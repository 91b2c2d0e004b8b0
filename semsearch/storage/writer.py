"""The only code that changes a collection.

A write is: append the new rows to the vector files, fsync them, then commit the SQLite transaction that
counts them. Until that commit nothing has happened; after it everything has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.documents import Document, Metric
from semsearch.common.errors import DuplicateIdError
from semsearch.encoder.words import packed, words_crc
from semsearch.storage.database.connection import chunks, content_hash, encode_metadata, marks, passage_crc
from semsearch.storage.database.errors import errors_translated, translated
from semsearch.storage.database.state import damaged, document_crc
from semsearch.storage.database.transaction import Transaction
from semsearch.storage.folder import PASSAGES, WORDS
from semsearch.storage.prepare import EncodedPassages, Prepared
from semsearch.storage.settings import StoredEncoder
from semsearch.storage.snapshot import state
from semsearch.storage.vectors.committed import Matrices
from semsearch.storage.vectors.compaction import compact
from semsearch.storage.vectors.index_writer import IndexWriter

__all__ = ["Stored", "Writer"]

DEAD_SHARE = 0.3
DEAD_ROWS = 10_000
"""Deleted rows are removed from the files when they are more than this share of all, and this many."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a document that is in the collection already."""

    number: int
    hash: bytes
    source: str | None


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
        self._notify = notify or (lambda _: None)
        self._matrices = Matrices(connection, folder, encoder, metric)
        self.indexes = IndexWriter(connection, self._matrices, self._notify)
        with errors_translated(folder):
            self._execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, hash BLOB) WITHOUT ROWID")

    @translated
    def commit(self, batch: Sequence[Prepared], encoded: EncodedPassages) -> None:
        """Add documents, or replace those whose id is there, with one vector a span, in one commit."""
        generation, _, rows = state(self._connection)
        appended = {PASSAGES: self._matrices.append(PASSAGES, encoded.pooled.vectors)}
        word = self._matrices.count(WORDS) if encoded.words is not None else 0
        if encoded.words:
            appended[WORDS] = self._matrices.append(WORDS, np.concatenate([one.vectors for one in encoded.words]))
        with Transaction(self._connection):
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
            for matrix, blocks in appended.items():
                self._matrices.note(matrix, blocks)
            self._execute("UPDATE state SET generation = ?, rows = ?", (generation + 1, rows + vector))

    def _put_words(self, passage: int, first: int, spans: bytes) -> int:
        """Note where a passage's words are; gives the row behind them."""
        number = (len(spans) - 1) // (2 * spans[0])
        values = (passage, first, number, spans)
        self._execute("INSERT INTO words VALUES (?,?,?,?,?)", (*values, words_crc(*values)))
        return first + number

    @translated
    def update(self, documents: Sequence[Document]) -> None:
        """Replace what is stored beside the text (source, metadata); vectors stay."""
        with Transaction(self._connection):
            for document in documents:
                digest = content_hash(document)
                row = self._execute("SELECT number, passages FROM documents WHERE id = ?", (document.id,)).fetchone()
                crc = document_crc(row[0], str(document.id), row[1], digest)
                self._execute(
                    "UPDATE documents SET source = ?, metadata = ?, hash = ?, crc = ? WHERE number = ?",
                    (document.source, encode_metadata(document.metadata), digest, crc, row[0]),
                )
            self._execute("UPDATE state SET generation = generation + 1")

    @translated
    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents with their passages, in one commit; returns how many were there."""
        removed = 0
        with Transaction(self._connection):
            for part in chunks(ids):
                numbers = self._execute(f"SELECT number FROM documents WHERE id IN ({marks(part)})", part)  # noqa: S608
                for (number,) in numbers.fetchall():
                    self._bury(number)
                    self._execute("DELETE FROM documents WHERE number = ?", (number,))
                    removed += 1
            if removed:
                self._execute("UPDATE state SET generation = generation + 1")
        return removed

    @translated
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

    @translated
    def same_words(self, stored: Stored, document: Document) -> bool:
        """Whether text and title are as stored, so that the vectors still hold."""
        row = self._execute("SELECT text, title FROM documents WHERE number = ?", (stored.number,)).fetchone()
        return bool(row == (document.text, document.title))

    @translated
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

    @translated
    def unseen(self, source: str) -> list[str]:
        """Ids of the documents that come from a source, or from below it, and were not seen."""
        rows = self._execute(
            "SELECT id FROM documents WHERE id NOT IN (SELECT id FROM seen) "
            "AND (source = ?1 OR substr(source, 1, length(?2)) = ?2)",
            (source, source.rstrip("/") + "/"),
        )
        return [row[0] for row in rows]

    @translated
    def maintain(self) -> None:
        """What is due after a write: remove deleted rows if they are many, renew the index, leave no rubbish."""
        _, _, rows = state(self._connection)
        dead = self._execute("SELECT count(*) FROM dead").fetchone()[0]
        if dead > max(DEAD_ROWS, DEAD_SHARE * rows):
            self.compact()
        else:
            self.indexes.renew()
            self.indexes.sweep()

    @translated
    def compact(self) -> None:
        """Remove deleted rows from the files, and build the index anew."""
        if not self._execute("SELECT count(*) FROM dead").fetchone()[0]:
            self.indexes.renew(anew=True)
            return
        self._notify(f"removing deleted rows from {state(self._connection)[2]:,}")
        compact(self._connection, self._matrices, self.indexes)

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
        if WORDS in self._matrices.kinds:
            self._execute(
                "DELETE FROM words WHERE passage IN (SELECT vector FROM passages WHERE document = ?)", (number,)
            )
        self._execute("INSERT INTO dead SELECT vector FROM passages WHERE document = ?", (number,))
        self._execute("DELETE FROM passages WHERE document = ?", (number,))

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)
