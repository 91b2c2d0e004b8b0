"""The tables ``tuning`` and ``word_tuning``: which index is wanted, which was built, and how it is searched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from semsearch.common.errors import NONSENSE
from semsearch.storage.tables.table import Inspection, Row, Table, TableFinding
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

if TYPE_CHECKING:
    from semsearch.storage.settings import Definition

__all__ = ["TUNING", "WORD_TUNING", "Tuning"]

KEPT = ("factory", "target", "background")
"""What the user wants, and how scores stand, which outlive an index."""


class Tuning(Table):
    """One row a setting, as JSON."""

    def __init__(self, kind: VectorKind) -> None:
        self._kind = kind
        self.name = f"{kind.table_prefix}tuning"
        self.ddl = f"""
CREATE TABLE {self.name} (              -- which index is wanted, which was built, and how it is searched
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL           -- JSON
) WITHOUT ROWID;
"""

    def is_kept(self, definition: Definition) -> bool:
        """Whether a collection keeps vectors of this kind."""
        return self._kind in definition.dimensions

    def read(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """All settings; raises :class:`ValueError` for what is not JSON."""
        return {key: json.loads(value) for key, value in self.sealed_rows(connection)}

    def replace(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
        """Put other settings in the place of all; the caller's transaction makes them count."""
        connection.execute(f"DELETE FROM {self.name}")  # noqa: S608 - a name of ours
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        connection.executemany(f"INSERT INTO {self.name} VALUES (?, ?)", rows)  # noqa: S608 - a name of ours

    def forget_derived(self, connection: sqlite3.Connection) -> None:
        """What was built, and what was measured of it, is gone."""
        connection.execute(f"DELETE FROM {self.name} WHERE key NOT IN (?, ?, ?)", KEPT)  # noqa: S608 - a name of ours

    def sealed_rows(self, connection: sqlite3.Connection) -> Iterable[Row]:
        """All of them."""
        return connection.execute(f"SELECT key, value FROM {self.name} ORDER BY key")  # noqa: S608 - a name of ours

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Check that values are JSON; the caller reports what this raises."""
        for key, value in self.sealed_rows(inspection.connection):
            json.loads(value or f"{self.name} has nothing for {key}")
        yield from ()

    def read_salvageable(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """The settings of a damaged database, as far as they can be read."""
        values: dict[str, Any] = {}
        with suppress(sqlite3.DatabaseError, *NONSENSE):
            for key, value in self.sealed_rows(connection):
                values[key] = json.loads(value)
        return values


TUNING = Tuning(PASSAGE_VECTORS)
WORD_TUNING = Tuning(WORD_VECTORS)
