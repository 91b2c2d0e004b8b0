"""How a change of the database becomes durable: all of it or nothing, sealed, and noted beside the database."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from semsearch.storage.database.committed import note_commit
from semsearch.storage.database.state import seal
from semsearch.storage.folder import DATABASE
from semsearch.storage.snapshot import state

__all__ = ["Transaction", "sync_folder"]


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
