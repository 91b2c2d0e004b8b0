"""How a change of the database becomes durable: all of it or nothing, sealed, and noted beside the database.

SQLite takes a damaged frame of its write-ahead log for the torn end of a write, and forgets it with all that follow.
The note, by which lost commits are noticed, is written after a commit and not fsynced: it may be missing or old, but
never ahead of what is durable.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from contextlib import suppress
from pathlib import Path

from semsearch.common.durable import share_as_folder
from semsearch.storage.database.errors import damage_error
from semsearch.storage.database.state import read_state, seal
from semsearch.storage.folder import DATABASE

__all__ = ["NOTE", "Transaction", "check_commits", "last_noted", "note_commit"]


class Transaction:
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
            note_commit(path.parent, read_state(self._connection).generation)


NOTE = "committed"


def note_commit(folder: Path, generation: int) -> None:
    """Note that this generation is durable; where that is impossible, there is no note."""
    number = str(generation).encode()
    with suppress(OSError):
        descriptor = os.open(folder / NOTE, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size == 0:
                share_as_folder(folder / NOTE)
            os.write(descriptor, b"%-20s %08x\n" % (number, zlib.crc32(number)))  # always as long
        finally:
            os.close(descriptor)


def last_noted(folder: Path) -> int:
    """The generation that was noted last; 0 if there is no note, or none that can be read."""
    with suppress(OSError, ValueError):
        number, crc = (folder / NOTE).read_bytes().split()
        if int(crc, 16) == zlib.crc32(number):
            return int(number)
    return 0


def check_commits(folder: Path, generation: int, noted: int) -> None:
    """Raise if the database has a state older than one that was ``noted`` before it was read."""
    if generation < noted:
        raise damage_error(
            folder, f"it has commit {generation}, but {noted} was the last: its write-ahead log is damaged"
        )
