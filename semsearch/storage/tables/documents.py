"""The table ``documents``: what users have added, each with a hash of all that is said of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semsearch.common.arrays import chunks
from semsearch.common.documents import Document, Metadata
from semsearch.common.errors import NONSENSE, DamagedError
from semsearch.storage.database.errors import damage_error
from semsearch.storage.tables.table import (
    PARAMETERS,
    Addition,
    FindingKind,
    Inspection,
    Row,
    Table,
    TableFinding,
    placeholders,
    values_crc,
)

__all__ = [
    "DOCUMENTS",
    "DOCUMENT_COLUMNS",
    "KnownDocument",
    "SourcedDocument",
    "UnsavedDocument",
    "check_document",
    "content_hash",
    "encode_metadata",
]

DOCUMENT_COLUMNS = "d.number, d.id, d.hash, d.passages, d.crc, d.title, d.source, d.metadata, d.text"
"""What :func:`check_document` takes, of ``documents d``."""
CONTENT = ("id", "title", "source", "metadata", "text")
PAGE = 500
"""Documents that are read at a time."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What is known of a document that is in the collection already."""

    number: int
    hash: bytes
    source: str | None


@dataclass(frozen=True, slots=True)
class SourcedDocument:
    """A document's id and source, and whether it is in the table ``seen`` of those that a run has come across."""

    id: str
    source: str
    seen: bool


@dataclass(frozen=True, slots=True)
class UnsavedDocument:
    """What is left of a document that does not match its hash."""

    number: int
    fields: dict[str, Any]


class Documents(Table):
    """One row a document."""

    name = "documents"
    ddl = """
CREATE TABLE documents (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    hash     BLOB NOT NULL,        -- of id, text, title, source and metadata
    passages INTEGER NOT NULL,     -- how many there are of it
    crc      INTEGER NOT NULL,     -- of the four above
    title    TEXT,
    source   TEXT,
    metadata TEXT NOT NULL,        -- JSON object
    text     TEXT NOT NULL
);
"""

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Add documents, or replace those that have a number already."""
        connection.executemany(
            "INSERT INTO documents (number, id, hash, passages, crc, title, source, metadata, text) "
            "VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (number) DO UPDATE SET hash = excluded.hash, "
            "passages = excluded.passages, crc = excluded.crc, title = excluded.title, source = excluded.source, "
            "metadata = excluded.metadata, text = excluded.text",
            (
                _document_row(number, prepared.document, len(prepared.spans))
                for number, prepared in zip(addition.numbers, addition.documents, strict=True)
            ),
        )

    def numbers_for(self, connection: sqlite3.Connection, ids: Sequence[str]) -> tuple[list[int], list[int]]:
        """A number for each id, and those of the numbers that are in use already. The ids must be distinct."""
        known: dict[str, int] = {}
        for part in chunks(ids, PARAMETERS):
            query = f"SELECT id, number FROM documents WHERE id IN ({placeholders(part)})"  # noqa: S608 - only ? marks
            known.update(connection.execute(query, part))
        fresh = int(connection.execute("SELECT ifnull(max(number), 0) + 1 FROM documents").fetchone()[0])
        numbers = []
        for identifier in ids:
            numbers.append(known.get(identifier, fresh))
            fresh += identifier not in known
        return numbers, list(known.values())

    def delete(self, connection: sqlite3.Connection, number: int) -> None:
        """Remove a document, whose passages are gone."""
        connection.execute("DELETE FROM documents WHERE number = ?", (number,))

    def read_known(self, connection: sqlite3.Connection, ids: Sequence[str], folder: Path) -> dict[str, KnownDocument]:
        """What is known of those of the ids that are there, each compared with its checksum."""
        documents: dict[str, KnownDocument] = {}
        for part in chunks(ids, PARAMETERS):
            marks = placeholders(part)
            query = f"SELECT id, number, hash, passages, crc, source FROM documents WHERE id IN ({marks})"  # noqa: S608
            for identifier, number, digest, passages, crc, source in connection.execute(query, part):
                if values_crc((number, identifier, passages, digest)) != crc:
                    raise damage_error(folder, f"document {identifier!r} does not match its checksum")
                documents[identifier] = KnownDocument(number, digest, source)
        return documents

    def ids(self, connection: sqlite3.Connection, count: int, folder: Path) -> list[str]:
        """Ids of all ``count`` documents in alphabetical order, each compared with its checksum."""
        query = "SELECT number, id, hash, passages, crc FROM documents NOT INDEXED ORDER BY id"
        rows = connection.execute(query).fetchall()
        for number, identifier, digest, passages, crc in rows:
            if values_crc((number, identifier, passages, digest)) != crc:
                raise damage_error(folder, f"document {identifier!r} does not match its checksum")
        if len(rows) != count:
            raise damage_error(folder, "documents are missing")
        return [row[1] for row in rows]

    def read_all(self, connection: sqlite3.Connection, folder: Path) -> Iterator[tuple[int, int, Document]]:
        """Number, number of passages, and document, of all in the order of their numbers, each checked."""
        following = -(1 << 63)  # SQLite's least: a number that is damaged may be negative
        query = f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE number >= ? ORDER BY number LIMIT ?"  # noqa: S608
        while rows := connection.execute(query, (following, PAGE)).fetchall():
            yield from ((row[0], row[3], check_document(row, folder)) for row in rows)
            following = rows[-1][0] + 1

    def read(self, connection: sqlite3.Connection, identifier: str, folder: Path) -> tuple[int, int, Document] | None:
        """Number, number of passages, and the document of an id, checked; ``None`` if there is none."""
        query = f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE id = ?"  # noqa: S608 - a constant
        row = connection.execute(query, (identifier,)).fetchone()
        if row is None:
            return None
        document = check_document(row, folder)
        if document.id != identifier:
            raise damage_error(folder, f"the index of ids finds {document.id!r} for {identifier!r}")
        return row[0], row[3], document

    def read_numbers(self, connection: sqlite3.Connection, numbers: Sequence[int], folder: Path) -> dict[int, Document]:
        """Those of the documents of these numbers that are there, each checked."""
        documents: dict[int, Document] = {}
        for part in chunks(numbers, PARAMETERS):
            marks = placeholders(part)
            query = f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE number IN ({marks})"  # noqa: S608 - ? marks
            documents |= {row[0]: check_document(row, folder) for row in connection.execute(query, part)}
        return documents

    def source_of(self, connection: sqlite3.Connection, identifier: str) -> str | None:
        """The source of the document of this id; ``None`` if it has none, or there is no such document."""
        row = connection.execute("SELECT source FROM documents WHERE id = ?", (identifier,)).fetchone()
        return None if row is None else row[0]

    def source_of_number(self, connection: sqlite3.Connection, number: int) -> str | None:
        """The source of the document of this number."""
        row = connection.execute("SELECT source FROM documents WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def sources_named(self, connection: sqlite3.Connection, name: str) -> list[str | None]:
        """The sources of a document called ``name``, and of one at a place in a file called so, such as ``name:12``."""
        query = "SELECT source FROM documents WHERE id = ?1 UNION ALL SELECT source FROM (SELECT source FROM documents "
        query += "WHERE id > ?1 || ':' AND id < ?1 || ';' LIMIT 1)"
        return [source for (source,) in connection.execute(query, (name,))]

    def of_sources(self, connection: sqlite3.Connection, root: str, others: Sequence[str]) -> list[SourcedDocument]:
        """The documents that come from ``root``, from below it, or from one of the other sources."""
        query = "SELECT id, source, id IN (SELECT id FROM seen) FROM documents WHERE "
        rows = connection.execute(
            f"{query}source = ?1 OR substr(source, 1, length(?2)) = ?2", (root, root.rstrip("/") + "/")
        ).fetchall()
        for part in chunks(others, PARAMETERS):
            rows += connection.execute(f"{query}source IN ({placeholders(part)})", part)
        return [SourcedDocument(identifier, source, bool(seen)) for identifier, source, seen in dict.fromkeys(rows)]

    def ids_of_sources(self, connection: sqlite3.Connection, sources: Sequence[str]) -> list[str]:
        """The ids of the documents that come from some files, and are not in the table ``seen``."""
        ids: list[str] = []
        for part in chunks(sources, PARAMETERS):
            marks = placeholders(part)
            query = f"SELECT id FROM documents WHERE source IN ({marks}) AND id NOT IN (SELECT id FROM seen)"  # noqa: S608
            ids += [identifier for (identifier,) in connection.execute(query, part)]
        return ids

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Hashes of texts and metadata; spans inside the text, as many as there must be."""
        for row in inspection.connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d"):  # noqa: S608
            try:
                document = check_document(row, inspection.folder)
            except DamagedError:
                yield FindingKind.DOCUMENT, repr(row[1]), "does not match its hash"
                continue
            query = "SELECT vector, ordinal, start, stop FROM passages WHERE document = ? ORDER BY ordinal"
            passages = inspection.connection.execute(query, (row[0],)).fetchall()
            if [passage[1] for passage in passages] != list(range(row[3])):
                yield FindingKind.PASSAGE, f"of document {row[1]!r}", f"{row[3]} are expected, {len(passages)} found"
            for vector_row, _, start, end in passages:
                if not 0 <= start <= end <= len(document.text):
                    yield FindingKind.PASSAGE, str(vector_row), f"its span {start}-{end} is not inside the text"

    def salvage_one(self, connection: sqlite3.Connection, number: int) -> tuple[Document, int | None] | UnsavedDocument:
        """A document of a damaged table, and how many passages it has, ``None`` if that does not match its checksum."""
        values: dict[str, Any] = {}
        for name in (*CONTENT, "hash", "passages", "crc"):
            with suppress(sqlite3.DatabaseError):  # what stands on a page that is lost takes nothing else with it
                query = f"SELECT {name} FROM documents NOT INDEXED WHERE number = ?"  # noqa: S608 - names of ours
                row = connection.execute(query, (number,)).fetchone()
                if row is not None:
                    values[name] = row[0]
        try:
            fields = (values["text"], values["id"], values["title"], values["source"])
            document = Document(*fields, json.loads(values["metadata"]))
            is_sound = content_hash(document) == values["hash"]
        except NONSENSE:
            is_sound = False
        if not is_sound:
            return UnsavedDocument(number, {name: values.get(name) for name in CONTENT})
        counted = values_crc((number, values["id"], values.get("passages"), values["hash"])) == values.get("crc")
        return document, values["passages"] if counted else None


def check_document(row: Row, folder: Path) -> Document:
    """A document from a row of ``DOCUMENT_COLUMNS``, compared with its hash and its checksum."""
    number, identifier, stored_hash, passages, crc, title, source, metadata, text = row
    try:
        document = Document(text, identifier, title, source, json.loads(metadata))
        is_sound = content_hash(document) == stored_hash
    except NONSENSE:
        is_sound = False
    if not is_sound or values_crc((number, identifier, passages, stored_hash)) != crc:
        raise DamagedError(
            f"document {identifier!r} of collection {folder} does not match its hash: the database was damaged "
            f"after it was written; run: semsearch verify {folder.name}"
        )
    return document


def content_hash(document: Document) -> bytes:
    """16 bytes that change when anything about a document changes."""
    parts = [document.id, document.text, document.title, document.source, encode_metadata(document.metadata)]
    canonical = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).digest()[:16]


def encode_metadata(metadata: Metadata) -> str:
    """Metadata as JSON text, keys sorted, so that equal metadata are equal texts; ValueError for NaN."""
    return json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _document_row(number: int, document: Document, passages: int) -> Row:
    digest = content_hash(document)
    crc = values_crc((number, str(document.id), passages, digest))
    content = (document.title, document.source, encode_metadata(document.metadata), document.text)
    return number, document.id, digest, passages, crc, *content


DOCUMENTS = Documents()
