"""The table ``dead``: rows of the vector file whose passage has been deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch.common.arrays import Int64
from semsearch.storage.database.errors import damage_error
from semsearch.storage.tables.table import Table, set_sum

if TYPE_CHECKING:
    from semsearch.storage.database.state import State

__all__ = ["DEAD"]


class Dead(Table):
    """One number a row; a checksum of the set is in the state."""

    name = "dead"
    ddl = "CREATE TABLE dead (vector INTEGER PRIMARY KEY);  -- rows of passages that were deleted"

    def delete_passages(self, connection: sqlite3.Connection, number: int) -> None:
        """Note the rows of a document's passages, which are deleted next."""
        connection.execute("INSERT INTO dead SELECT vector FROM passages WHERE document = ?", (number,))

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:  # noqa: ARG002 - a hook
        """After a compaction there are none."""
        connection.execute("DELETE FROM dead")

    def count(self, connection: sqlite3.Connection) -> int:
        """How many rows are dead."""
        return int(connection.execute("SELECT count(*) FROM dead").fetchone()[0])

    def checksum(self, connection: sqlite3.Connection) -> int:
        """Checksum of the set; what damage has made of a number counts as another one."""
        query = "SELECT CAST(ifnull(vector, -1) AS INTEGER) FROM dead"
        return set_sum(np.fromiter((row for (row,) in connection.execute(query)), np.int64))

    def read(self, connection: sqlite3.Connection, state: State, folder: Path) -> Int64:
        """All rows, ascending, compared with the checksum: one too few or too many would change what is found."""
        numbers = [row for (row,) in connection.execute("SELECT vector FROM dead ORDER BY vector")]
        sound = all(isinstance(number, int) for number in numbers)
        dead = np.array(numbers if sound else [], np.int64)
        if set_sum(dead) != state.dead or len(dead) + state.passages != state.rows:
            raise damage_error(folder, "the table of deleted rows does not match its checksum")
        return dead


DEAD = Dead()
