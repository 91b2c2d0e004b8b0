"""The table ``meta``: what a collection is made with, as JSON values by their names."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from semsearch.common.errors import NONSENSE
from semsearch.storage.tables.table import Table, values_crc

__all__ = ["META"]


class Meta(Table):
    """One row a setting; its checksum is in the state."""

    name = "meta"
    ddl = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

    def write(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
        """Fill the empty table."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)

    def replace(self, connection: sqlite3.Connection, key: str, value: Any) -> None:
        """Set one value."""
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def read(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """All values; raises one of ``NONSENSE`` for what is not JSON."""
        return {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM meta")}

    def checksum(self, connection: sqlite3.Connection) -> int:
        """Checksum of the whole table."""
        return values_crc(connection.execute("SELECT key, value FROM meta ORDER BY key"))

    def read_salvageable(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """The values of a damaged database, as far as they can be read."""
        values: dict[str, Any] = {}
        with suppress(sqlite3.DatabaseError):
            for key, value in connection.execute("SELECT key, value FROM meta"):
                with suppress(*NONSENSE):
                    values[key] = json.loads(value)
        return values


META = Meta()
