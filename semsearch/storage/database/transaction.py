"""How a change of the database becomes durable: all of it or nothing, sealed, and noted beside the database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from semsearch.storage.database.commit_note import note_commit
from semsearch.storage.database.state import read_state, seal
from semsearch.storage.folder import DATABASE

__all__ = ["Transaction"]


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
