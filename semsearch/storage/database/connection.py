"""Connections to the collection's SQLite file. What its commits hold is what is in the collection.

Readers open it read-only; the writer's commits are durable (``synchronous=FULL`` under a write-ahead log).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from semsearch.storage.database.forks import mind_forks, refuse_carried

__all__ = ["COMPANIONS", "Connection", "connect", "discard", "folder_of", "merge_log"]

READING = "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; SELECT generation FROM state"
WRITING = (
    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; "
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON"
)
COMPANIONS = ("-wal", "-shm", "-journal")
"""How the names of SQLite's files beside a database end."""


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
        return _open(path, "mode=rw", WRITING)
    try:
        return _open(path, "mode=ro", READING)
    except sqlite3.OperationalError as error:
        if not _may_be_frozen(path, error):
            raise
        return _open(path, "mode=ro&immutable=1", READING, frozen=True)


def folder_of(connection: sqlite3.Connection) -> Path:
    """The folder that the database of a connection is in."""
    return Path(connection.execute("PRAGMA database_list").fetchone()[2]).parent


def merge_log(connection: Connection) -> None:
    """Write the log's pages into the database file, so that it is whole by itself, unless a reader is in the way."""
    with suppress(sqlite3.DatabaseError):  # they are safe in the log, and the next writer tries again
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def discard(database: Path) -> None:
    """Remove a database that is no collection's, and SQLite's files beside it."""
    for suffix in ("", *COMPANIONS):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _open(path: Path, how: str, first: str, *, frozen: bool = False) -> Connection:
    stamp = _stamp(path, frozen)
    refuse_carried(path)
    address = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(
        address, timeout=30, isolation_level=None, uri=True, factory=Connection, check_same_thread=False
    )
    try:
        connection.executescript(first)
    except BaseException:
        connection.close()
        raise
    connection.path, connection.stamp, connection.frozen = path, stamp, frozen
    if not frozen:  # else it has no locks
        mind_forks(connection, path)
    return connection


def _may_be_frozen(path: Path, error: sqlite3.OperationalError) -> bool:
    """Whether a database that cannot be opened the usual way may be read as a file that never changes.

    A write-ahead log needs a shared-memory file beside it, which cannot be made in a folder that we may not write to.
    If a log with committed pages is there, the database file alone is not what was committed.
    """
    refused = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
    return refused and not os.access(path.parent, os.W_OK) and not _log_size(path)


def _log_size(path: Path) -> int:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def _stamp(path: Path, frozen: bool) -> object:
    """A value that changes when the file is replaced; for a frozen file, also when it is written to."""
    status = path.stat()
    same_file = status.st_dev, status.st_ino
    return (*same_file, status.st_mtime_ns, status.st_size, _log_size(path)) if frozen else same_file
