"""The collection's SQLite file: what is in the collection, and by its commits, what counts.

Readers open it read-only; the writer's commits are durable (``synchronous=FULL`` under a write-ahead
log). Every stored text carries a hash and every passage a checksum, since SQLite has none of its own.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semsearch.errors import CollectionError, DamagedError, FormatError, LockedError, StorageError
from semsearch.types import Document, Span

__all__ = ["FORMAT", "connect", "content_hash", "create_schema", "errors_translated", "passage_crc", "read_meta"]

FORMAT = 1
"""Version of the collection format; see docs/architecture.md. A change comes with a migration."""

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
CREATE TABLE indexes (             -- the index file, if one has been built
    file   TEXT PRIMARY KEY,
    rows   INTEGER NOT NULL,       -- it covers vector ids below this
    sha256 TEXT NOT NULL
);
"""


def connect(path: Path, *, write: bool = False) -> sqlite3.Connection:
    """Open the database; a reader needs no write permission, nor even a writable disk."""
    if write:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection
    address = path.resolve().as_uri()
    try:
        connection = sqlite3.connect(f"{address}?mode=ro", timeout=30, isolation_level=None, uri=True)
        connection.execute("SELECT generation FROM state").fetchone()
    except sqlite3.OperationalError:
        # A write-ahead log needs a shared-memory file beside it, which read-only media refuse.
        # There nobody writes either, so that the file may be taken as it is.
        connection = sqlite3.connect(f"{address}?mode=ro&immutable=1", isolation_level=None, uri=True)
        connection.execute("SELECT generation FROM state").fetchone()
    return connection


def create_schema(connection: sqlite3.Connection, meta: dict[str, Any]) -> None:
    """Make the tables of an empty collection."""
    connection.executescript(SCHEMA)
    rows = [(key, json.dumps(value)) for key, value in {"format": FORMAT, **meta}.items()]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    connection.execute("INSERT INTO state VALUES (0, 0, 0)")


def read_meta(connection: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """Settings of the collection; raises :class:`FormatError` if a newer program wrote them."""
    meta = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}
    if meta.get("format") != FORMAT:
        raise FormatError(
            f"collection {path} has format {meta.get('format')}, this program reads format {FORMAT}; "
            "install a newer semsearch: pip install --upgrade semsearch"
        )
    return meta


def content_hash(document: Document) -> bytes:
    """16 bytes that change when anything about a document changes."""
    parts = [document.id, document.text, document.title, document.source, encode_metadata(document)]
    canonical = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).digest()[:16]


def encode_metadata(document: Document) -> str:
    """Metadata as JSON text, keys sorted, so that equal metadata are equal texts."""
    return json.dumps(dict(document.metadata), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def passage_crc(vector: int, document: int, ordinal: int, span: Span, cut: int) -> int:
    """Checksum of a row of the table ``passages``."""
    return zlib.crc32(b"%d %d %d %d %d %d" % (vector, document, ordinal, *span, cut))


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
