"""The collection's SQLite file: what is in the collection, and by its commits, what counts.

Readers open it read-only; the writer's commits are durable (``synchronous=FULL`` under a write-ahead
log). Every stored text carries a hash and every passage a checksum, since SQLite has none of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from semsearch.errors import CollectionError, DamagedError, FormatError, LockedError, StorageError
from semsearch.types import Document, Metadata, Span

__all__ = [
    "FORMAT",
    "Connection",
    "connect",
    "content_hash",
    "create_schema",
    "errors_translated",
    "has_index_tables",
    "merge_log",
    "passage_crc",
    "read_meta",
    "renew_index_tables",
]

FORMAT = 1
"""Version of the collection format; see docs/architecture.md. A change comes with a migration."""

INDEX_TABLES = """
CREATE TABLE indexes (             -- the parts of the index, if one has been built
    first  INTEGER PRIMARY KEY,    -- vector id of the part's first row
    rows   INTEGER NOT NULL,
    file   TEXT NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE TABLE tuning (              -- which index is wanted, which was built, and how it is searched
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL           -- JSON
) WITHOUT ROWID;
"""
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE state (
    generation INTEGER NOT NULL,   -- grows by one with every commit
    epoch      INTEGER NOT NULL,   -- names the vector file
    rows       INTEGER NOT NULL    -- committed rows of the vector file
);
CREATE TABLE documents (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    text     TEXT NOT NULL,
    title    TEXT,
    source   TEXT,
    metadata TEXT NOT NULL,        -- JSON object
    hash     BLOB NOT NULL         -- of the five above
);
CREATE TABLE passages (
    vector   INTEGER PRIMARY KEY,  -- row of the vector file
    document INTEGER NOT NULL REFERENCES documents (number),
    ordinal  INTEGER NOT NULL,     -- number of the passage in its document, from 0
    start    INTEGER NOT NULL,     -- span in the document's text, in characters
    stop     INTEGER NOT NULL,
    cut      INTEGER NOT NULL,     -- tokens that did not fit the model and are not in the vector
    crc      INTEGER NOT NULL      -- of the six above
);
CREATE INDEX passages_of_document ON passages (document);
CREATE TABLE dead (vector INTEGER PRIMARY KEY);  -- rows of passages that were deleted
CREATE TABLE blocks (              -- every append to the vector file
    first INTEGER PRIMARY KEY,
    rows  INTEGER NOT NULL,
    crc   INTEGER NOT NULL
);
"""


READING = "SELECT generation FROM state"
WRITING = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON"


class Connection(sqlite3.Connection):
    """A connection that can tell whether it must be opened anew."""

    path: Path
    stamp: object
    frozen = False
    """The file is read as one that nobody changes, without locks."""

    @property
    def outdated(self) -> bool:
        """Whether there is another file of that name now, or somebody has changed a frozen one after all."""
        return _stamp(self.path, self.frozen) != self.stamp


def connect(path: Path, *, write: bool = False) -> Connection:
    """Open the database; a reader needs no write permission, nor even a writable disk."""
    if write:
        return _opened(path, "mode=rw", WRITING)
    try:
        return _opened(path, "mode=ro", READING)
    except sqlite3.OperationalError as error:
        if not _may_be_frozen(path, error):
            raise
        return _opened(path, "mode=ro&immutable=1", READING, frozen=True)


def _opened(path: Path, how: str, first: str, *, frozen: bool = False) -> Connection:
    stamp = _stamp(path, frozen)
    address = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(address, timeout=30, isolation_level=None, uri=True, factory=Connection)
    try:
        connection.executescript(first)
    except BaseException:
        connection.close()
        raise
    connection.path, connection.stamp, connection.frozen = path, stamp, frozen
    return connection


def _may_be_frozen(path: Path, error: sqlite3.OperationalError) -> bool:
    """Whether a database that cannot be opened the usual way may be read as a file that never changes.

    A write-ahead log needs a shared-memory file beside it, which a folder refuses that we may not write
    to. Committed pages may still be in a log there, and without them the file is not what was committed.
    """
    refused = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
    return refused and not os.access(path.parent, os.W_OK) and not _log_size(path)


def _log_size(path: Path) -> int:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def _stamp(path: Path, frozen: bool) -> object:
    """What differs once the file is another one, or of a frozen one, once it has been written to."""
    found = path.stat()
    same_file = found.st_dev, found.st_ino
    return (*same_file, found.st_mtime_ns, found.st_size, _log_size(path)) if frozen else same_file


def merge_log(connection: Connection) -> None:
    """Write the log's pages into the database file, so that it is whole by itself, unless a reader is in the way."""
    with suppress(sqlite3.DatabaseError):  # they are safe in the log, and the next writer tries again
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def create_schema(connection: sqlite3.Connection, meta: dict[str, Any]) -> None:
    """Make the tables of an empty collection."""
    connection.executescript(SCHEMA + INDEX_TABLES)
    rows = [(key, json.dumps(value)) for key, value in {"format": FORMAT, **meta}.items()]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    connection.execute("INSERT INTO state VALUES (0, 0, 0)")


def has_index_tables(connection: sqlite3.Connection) -> bool:
    """Whether the index is recorded as today: collections of before had one index file, in a table without parts."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tuning'").fetchone() is not None


def renew_index_tables(connection: sqlite3.Connection) -> None:
    """Forget the index file of an earlier program, which this one does not read; nothing else is lost with it."""
    connection.executescript(f"BEGIN IMMEDIATE; DROP TABLE indexes; {INDEX_TABLES} COMMIT")


def read_meta(connection: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """Settings of the collection; raises :class:`FormatError` if a newer program wrote them."""
    try:
        meta = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    except (TypeError, ValueError) as error:
        raise DamagedError(
            f"settings of collection {path} are damaged ({error}); build it again from its sources"
        ) from error
    if meta.get("format") != FORMAT:
        raise FormatError(
            f"collection {path} has format {meta.get('format')}, this program reads format {FORMAT}; "
            "install a newer semsearch: pip install --upgrade semsearch"
        )
    return meta


def content_hash(document: Document) -> bytes:
    """16 bytes that change when anything about a document changes."""
    parts = [document.id, document.text, document.title, document.source, encode_metadata(document.metadata)]
    canonical = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).digest()[:16]


def encode_metadata(metadata: Metadata) -> str:
    """Metadata as JSON text, keys sorted, so that equal metadata are equal texts; ValueError for NaN."""
    return json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def passage_crc(vector: int, document: int, ordinal: int, span: Span, cut: int) -> int:
    """Checksum of a row of the table ``passages``."""
    values = (vector, document, ordinal, *span, cut)
    return zlib.crc32(" ".join(map(repr, values)).encode())  # repr: after damage they may not be numbers


def chunks(values: Sequence[Any], size: int = 500) -> Iterator[Sequence[Any]]:
    """Slices that fit the number of parameters that SQLite takes."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def marks(values: Iterable[Any]) -> str:
    """Parameter marks for a list of values: ``?,?,?``."""
    return ",".join("?" for _ in values)


@contextmanager
def errors_translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into this program's errors."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from error
    except OSError as error:
        raise StorageError(
            f"collection {path} cannot be read or written ({error.strerror or error}); "
            "check the disk's free space and the folder's permissions. What was committed is safe"
        ) from error


def _translated(error: sqlite3.DatabaseError, path: Path) -> CollectionError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return LockedError(f"collection {path} is busy ({text}); wait for the other process and try again")
    if any(word in text for word in ("full", "readonly", "read-only", "unable to open", "disk I/O")):
        return StorageError(
            f"collection {path} cannot be written ({text}); check the disk's free space and the "
            "folder's permissions. What was committed is safe"
        )
    return DamagedError(f"database of collection {path} is damaged ({text}); build it again from its sources")
