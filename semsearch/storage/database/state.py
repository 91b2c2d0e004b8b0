"""Checksums over what SQLite itself does not check: it notices broken pages, but not a changed number in one.

The one row of the table ``state`` says how many documents and passages there are, holds checksums of the small
tables, and ends with a checksum of itself. The writer renews it at the end of every transaction, and checks it
before its first, so that damage is never sealed as if it were right.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.documents import Int64
from semsearch.common.errors import DamagedError

__all__ = [
    "check_seal",
    "checked_ids",
    "damaged",
    "dead_sum",
    "document_crc",
    "has_words",
    "index_crc",
    "read_state",
    "seal",
    "settings_crc",
]

SETTINGS = ("SELECT key, value FROM meta ORDER BY key",)
INDEX = (
    "SELECT first, rows, file, sha256 FROM indexes ORDER BY first",
    "SELECT key, value FROM tuning ORDER BY key",
)
WORD_INDEX = (
    "SELECT first, rows, file, sha256 FROM word_indexes ORDER BY first",
    "SELECT key, value FROM word_tuning ORDER BY key",
    "SELECT max(first + rows) FROM word_blocks",
)
WORD_ROWS = "SELECT CAST(first AS INTEGER), CAST(number AS INTEGER) FROM words"
COUNTS = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages)"
STATE = "SELECT generation, epoch, rows, documents, passages, dead, settings, indexing, crc FROM state"


def document_crc(number: int, identifier: str, passages: int, content_hash: bytes) -> int:
    """Checksum of what a row of ``documents`` says beside its content: its number, and how many passages it has."""
    return _crc((number, identifier, passages, content_hash))


def dead_sum(dead: Int64) -> int:
    """Checksum of a set of vector ids, whatever their order: a sum of mixed numbers (splitmix64, Steele 2014)."""
    mixed = dead.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((mixed ^ (mixed >> np.uint64(31))).sum(dtype=np.uint64)) >> 1  # SQLite's integers have a sign


def settings_crc(connection: sqlite3.Connection) -> int:
    """Checksum of the table ``meta``."""
    return _tables_crc(connection, SETTINGS)


def index_crc(connection: sqlite3.Connection) -> int:
    """Checksum of what the database says of the index, and of which rows are words of which passages."""
    if not has_words(connection):
        return _tables_crc(connection, INDEX)
    return _tables_crc(connection, (*INDEX, *WORD_INDEX)) ^ (_words_sum(connection) & 0xFFFFFFFF)


def has_words(connection: sqlite3.Connection) -> bool:
    """Whether the collection keeps word vectors."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone() is not None


def _words_sum(connection: sqlite3.Connection) -> int:
    """Checksum of the rows that are words of a passage."""
    spans = np.array(connection.execute(WORD_ROWS).fetchall(), np.int64).reshape(-1, 2)
    return dead_sum(spans[:, 0]) ^ dead_sum(spans.sum(axis=1))


def read_state(connection: sqlite3.Connection) -> tuple[int, ...]:
    """The row of ``state`` without its checksum, which is compared first; raises :class:`DamagedError`."""
    rows = connection.execute(STATE).fetchall()
    if len(rows) != 1 or _crc(rows[0][:-1]) != rows[0][-1]:
        raise damaged(_folder(connection), "the row that says what was committed last does not match its checksum")
    return tuple(rows[0][:-1])


def seal(connection: sqlite3.Connection) -> None:
    """Write counts and checksums of the tables as they are now; the caller's transaction makes them count."""
    dead = np.fromiter((row[0] for row in connection.execute("SELECT vector FROM dead")), np.int64)
    values = (
        *connection.execute("SELECT generation, epoch, rows FROM state").fetchone(),
        *connection.execute(COUNTS).fetchone(),
        dead_sum(dead),
        settings_crc(connection),
        index_crc(connection),
    )
    connection.execute(
        "UPDATE state SET documents = ?, passages = ?, dead = ?, settings = ?, indexing = ?, crc = ?",
        (*values[3:], _crc(values)),
    )


def check_seal(connection: sqlite3.Connection) -> None:
    """Compare all that the seal covers; raises :class:`DamagedError` that names the table."""
    _, _, _, documents, passages, dead, settings, indexing = read_state(connection)
    found = np.fromiter((row[0] for row in connection.execute("SELECT vector FROM dead")), np.int64)
    for table, right in (
        ("documents and passages", connection.execute(COUNTS).fetchone() == (documents, passages)),
        ("deleted rows", dead_sum(found) == dead),
        ("settings", settings_crc(connection) == settings),
        ("index files", index_crc(connection) == indexing),
    ):
        if not right:
            raise damaged(_folder(connection), f"the table of {table} does not match its checksum")


def checked_ids(connection: sqlite3.Connection) -> list[str]:
    """Ids of all documents in alphabetical order, each compared with its checksum."""
    rows = connection.execute(
        "SELECT number, id, hash, passages, crc FROM documents NOT INDEXED ORDER BY id"
    ).fetchall()
    for number, identifier, digest, passages, crc in rows:
        if document_crc(number, identifier, passages, digest) != crc:
            raise damaged(_folder(connection), f"document {identifier!r} does not match its checksum")
    if len(rows) != read_state(connection)[3]:
        raise damaged(_folder(connection), "documents are missing")
    return [row[1] for row in rows]


def damaged(folder: Path, problem: str) -> DamagedError:
    """The error for a collection's database that is not as it was written."""
    return DamagedError(f"database of collection {folder} is damaged: {problem}; run: semsearch verify {folder.name}")


def _folder(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2]).parent


def _tables_crc(connection: sqlite3.Connection, queries: Iterable[str]) -> int:
    return _crc([row for query in queries for row in connection.execute(query)])


def _crc(values: Any) -> int:
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))
