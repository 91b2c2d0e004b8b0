"""The collection's SQLite file: what is in the collection, and by its commits, what counts.

Readers open it read-only; the writer's commits are durable (``synchronous=FULL`` under a write-ahead
log). Every stored text carries a hash and every passage a checksum, since SQLite has none of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from semsearch.common.documents import Document, Metadata, Span
from semsearch.common.errors import FormatError
from semsearch.storage.database.state import damaged, read_state, seal, settings_crc

__all__ = [
    "FORMAT",
    "Connection",
    "connect",
    "content_hash",
    "create_schema",
    "format_of",
    "merge_log",
    "passage_crc",
    "read_meta",
    "refuse_programs",
    "schema_of",
    "statements",
]

FORMAT = 2
"""Version of the collection format; see docs/architecture.md. A change comes with a migration."""
NEEDS = "0.1.0"
"""The first semsearch that reads this format; said by an older one that cannot."""

META = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
STATE = """
CREATE TABLE state (
    generation INTEGER NOT NULL,   -- grows by one with every commit
    epoch      INTEGER NOT NULL,   -- names the vector file
    rows       INTEGER NOT NULL,   -- committed rows of the vector file
    documents  INTEGER NOT NULL,   -- how many there are
    passages   INTEGER NOT NULL,
    dead       INTEGER NOT NULL,   -- checksums of the tables dead, meta, and indexes with tuning
    settings   INTEGER NOT NULL,
    indexing   INTEGER NOT NULL,
    crc        INTEGER NOT NULL    -- of all the above
);
"""
DOCUMENTS = """
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
PASSAGES = """
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
"""
BLOCKS = """
CREATE TABLE blocks (              -- every append to the vector file
    first INTEGER PRIMARY KEY,
    rows  INTEGER NOT NULL,
    crc   INTEGER NOT NULL
);
"""
INDEXES = """
CREATE TABLE indexes (             -- the parts of the index, if one has been built
    first  INTEGER PRIMARY KEY,    -- vector id of the part's first row
    rows   INTEGER NOT NULL,
    file   TEXT NOT NULL,
    sha256 TEXT NOT NULL
);
"""
TUNING = """
CREATE TABLE tuning (              -- which index is wanted, which was built, and how it is searched
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL           -- JSON
) WITHOUT ROWID;
"""
SCHEMA = META + STATE + DOCUMENTS + PASSAGES + BLOCKS + INDEXES + TUNING
WORDS = """
CREATE TABLE words (               -- the words of each passage, in collections that keep word vectors
    passage INTEGER PRIMARY KEY,   -- vector id of the passage
    first   INTEGER NOT NULL,      -- row of the file of word vectors from which on theirs are
    number  INTEGER NOT NULL,      -- how many there are
    spans   BLOB NOT NULL,         -- where they stand in the document's text; see collection/words.py
    crc     INTEGER NOT NULL       -- of the four above
);
CREATE INDEX words_by_row ON words (first, number);
"""
WORD_SCHEMA = WORDS + "".join(table.replace("TABLE ", "TABLE word_") for table in (BLOCKS, INDEXES, TUNING))


READING = "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; SELECT generation FROM state"
WRITING = (
    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; "
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON"
)


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


def statements(script: str) -> list[str]:
    """The statements of a script; unlike ``executescript``, executing them one by one commits nothing."""
    return [statement for statement in re.sub("--.*", "", script).split(";") if statement.strip()]


def create_schema(connection: sqlite3.Connection, meta: dict[str, Any], generation: int = 0, epoch: int = 0) -> None:
    """Make the tables of an empty collection, the first state of it or a later one."""
    connection.executescript(schema_of(meta))
    rows = [(key, json.dumps(value)) for key, value in {**meta, "format": FORMAT, "needs": NEEDS}.items()]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    connection.execute("INSERT INTO state VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0)", (generation, epoch))
    seal(connection)


def schema_of(meta: dict[str, Any]) -> str:
    """The tables of a collection with these settings."""
    return SCHEMA + (WORD_SCHEMA if meta["settings"].get("tokens") else "")


def format_of(connection: sqlite3.Connection, path: Path) -> int:
    """The format that a collection is written in; raises :class:`FormatError` if a newer program wrote it."""
    try:
        kept = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('format', 'needs')"))
        found = json.loads(kept["format"])
        needs = json.loads(kept.get("needs", '"a newer one"'))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"its format cannot be read ({error})") from error
    if not isinstance(found, int) or found < 1:
        raise damaged(path, f"its format is {found!r}")
    if found > FORMAT:
        raise FormatError(
            f"collection {path} has format {found}, and this program knows formats up to {FORMAT}: it needs semsearch "
            f"{needs}; run: pip install --upgrade semsearch, or if no newer one wrote it: semsearch verify {path.name}"
        )
    return found


def read_meta(connection: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """Settings of a collection of today's format."""
    refuse_programs(connection, path)
    state = read_state(connection)
    if settings_crc(connection) != state[6]:
        raise damaged(path, "its settings do not match their checksum")
    return {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}


def refuse_programs(connection: sqlite3.Connection, path: Path) -> None:
    """No trigger and no view: this program makes none, and a stranger's would run SQL of his own."""
    found = connection.execute("SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index')").fetchone()
    if found:
        raise damaged(path, f"it has a {found[0]} {found[1]!r}, which semsearch never makes")


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
