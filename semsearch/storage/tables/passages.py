"""Documents, passages and words read from the database, each compared with its checksum before it is believed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semsearch.common.documents import Document, Int64, Span
from semsearch.common.errors import DamagedError
from semsearch.encoder.words import unpacked, words_crc
from semsearch.storage.database.connection import chunks, content_hash, marks, passage_crc
from semsearch.storage.database.state import damaged, document_crc

__all__ = [
    "DOCUMENT",
    "StoredPassage",
    "StoredWords",
    "checked_document",
    "count_words",
    "passages_of",
    "passages_where",
    "read_passages",
    "read_places",
    "read_words",
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


@dataclass(frozen=True, slots=True)
class StoredWords:
    """The words of a passage: ``spans`` in its document's text, int64[n, 2], and the row of the first one's vector."""

    first: int
    spans: Int64


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


def read_words(connection: sqlite3.Connection, passages: Sequence[StoredPassage], path: Path) -> list[StoredWords]:
    """The words of passages of a collection that keeps them, each row compared with its checksum."""
    found: dict[int, tuple[Any, ...]] = {}
    for part in chunks([passage.vector for passage in passages]):
        query = f"SELECT passage, first, number, spans, crc FROM words WHERE passage IN ({marks(part)})"  # noqa: S608
        found |= {row[0]: row for row in connection.execute(query, part)}
    return [_checked_words(found.get(passage.vector), passage, path) for passage in passages]


def read_places(connection: sqlite3.Connection, rows: Sequence[int], path: Path) -> list[tuple[StoredPassage, Span]]:
    """The passage and the place of the word of each of these rows of the file of word vectors."""
    query = "SELECT passage FROM words WHERE first <= ? ORDER BY first DESC, number DESC LIMIT 1"
    owners = [owner for row in rows for (owner,) in connection.execute(query, (row,))]
    found = read_passages(connection, owners, path)
    words = read_words(connection, [found[owner] for owner in owners], path)
    if len(owners) < len(rows) or not all(
        one.first <= row < one.first + len(one.spans) for row, one in zip(rows, words, strict=True)
    ):
        raise damaged(path, "there is a word that belongs to no passage")
    spans = [one.spans[row - one.first].tolist() for row, one in zip(rows, words, strict=True)]
    return [(found[owner], (start, end)) for owner, (start, end) in zip(owners, spans, strict=True)]


def count_words(connection: sqlite3.Connection) -> int:
    """Number of words that have a vector."""
    return int(connection.execute("SELECT total(number) FROM words").fetchone()[0])


def _checked_words(row: tuple[Any, ...] | None, passage: StoredPassage, path: Path) -> StoredWords:
    if row is None or words_crc(*row[:4]) != row[4]:
        raise damaged(path, f"the words of passage {passage.vector} do not match their checksum")
    spans = unpacked(row[3], passage.start)
    if len(spans) != row[2] or (len(spans) and spans[-1, 1] > passage.stop):
        raise damaged(path, f"the words of passage {passage.vector} are not inside it")
    return StoredWords(row[1], spans)


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
