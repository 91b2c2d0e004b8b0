"""Older formats of a collection become today's, each step a function, all steps in one transaction.

A format that a release has written can be read for ever: ``tests/golden`` has a collection of each.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from semsearch.common.errors import DamagedError
from semsearch.storage.database.schema import FORMAT, statements
from semsearch.storage.database.state import STATE_DDL, seal
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.tables.indexes import INDEXES
from semsearch.storage.tables.table import values_crc
from semsearch.storage.tables.tuning import TUNING

__all__ = ["MIGRATIONS", "migrate"]


def add_seal(connection: sqlite3.Connection) -> None:
    """1 to 2: checksums of a document's number and passages, of the state and the small tables; index in parts."""
    for statement in (
        "ALTER TABLE state RENAME TO former_state",
        "ALTER TABLE documents RENAME TO former_documents",
        "DROP TABLE indexes",  # derived, and in two forms
        "DROP TABLE IF EXISTS tuning",
        *statements(STATE_DDL + DOCUMENTS.ddl + INDEXES.ddl + TUNING.ddl),
        "INSERT INTO state (generation, epoch, rows, documents, passages, dead, settings, indexing, crc) "
        "SELECT generation, epoch, rows, 0, 0, 0, 0, 0, 0 FROM former_state",
    ):
        connection.execute(statement)
    rows = connection.execute(
        "SELECT number, id, hash, (SELECT count(*) FROM passages WHERE document = number), "
        "title, source, metadata, text FROM former_documents ORDER BY number"
    )
    for number, identifier, digest, passages, *content in rows:
        crc = values_crc((number, identifier, passages, digest))
        connection.execute(
            "INSERT INTO documents (number, id, hash, passages, crc, title, source, metadata, text) "
            "VALUES (?,?,?,?,?,?,?,?,?)",
            (number, identifier, digest, passages, crc, *content),
        )
    connection.execute("DROP TABLE former_state")
    connection.execute("DROP TABLE former_documents")


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: add_seal}
"""What makes a format the next one."""


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Bring the database of a writer's connection to today's format; nothing has changed if it raises."""
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA legacy_alter_table=ON")  # tables that refer to a renamed one go on meaning the new one
    connection.execute("BEGIN IMMEDIATE")
    try:
        current = json.loads(connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])
        for number in range(current, FORMAT):
            MIGRATIONS[number](connection)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (json.dumps(FORMAT),))
        connection.execute("UPDATE state SET generation = generation + 1")
        seal(connection)
        connection.execute("COMMIT")
    except (sqlite3.OperationalError, TypeError, KeyError, ValueError) as error:
        if "no such" in str(error) or "already" in str(error) or not isinstance(error, sqlite3.Error):
            raise DamagedError(
                f"collection {folder} cannot be brought to format {FORMAT} ({error}); "
                f"run: semsearch verify {folder.name}"
            ) from error
        raise
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA legacy_alter_table=OFF")
        connection.execute("PRAGMA foreign_keys=ON")
