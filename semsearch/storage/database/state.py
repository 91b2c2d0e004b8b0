"""The state: the one row that says what was committed last, and seals all tables.

It counts documents and passages, holds checksums of the small tables, and ends with a checksum of itself. The writer
renews it at the end of every transaction, and checks it before its first: damage is never sealed as if it were right.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from semsearch.storage.database.connection import folder_of
from semsearch.storage.database.errors import damage_error
from semsearch.storage.tables import tables_in
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.table import Table, values_crc

__all__ = ["STATE_DDL", "State", "check_seal", "index_checksum", "read_state", "seal", "start"]

STATE_DDL = """
CREATE TABLE state (
    generation INTEGER NOT NULL,   -- grows by one with every commit
    epoch      INTEGER NOT NULL,   -- names the vector files
    rows       INTEGER NOT NULL,   -- committed rows of the vector file
    documents  INTEGER NOT NULL,   -- how many there are
    passages   INTEGER NOT NULL,
    dead       INTEGER NOT NULL,   -- checksums of the tables dead, meta, and of all that is said of indexes and words
    settings   INTEGER NOT NULL,
    indexing   INTEGER NOT NULL,
    crc        INTEGER NOT NULL    -- of all the above
);
"""


class State(NamedTuple):
    """What was committed last; the fields are the columns of the table ``state`` but for its own checksum."""

    generation: int
    epoch: int
    rows: int
    documents: int
    passages: int
    dead: int
    settings: int
    indexing: int


COLUMNS = ", ".join(State._fields)
COUNTS = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages)"


def start(connection: sqlite3.Connection, generation: int, epoch: int) -> None:
    """Begin with the state of an empty collection."""
    connection.execute("INSERT INTO state VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0)", (generation, epoch))
    seal(connection)


def read_state(connection: sqlite3.Connection) -> State:
    """The state, compared with its checksum; raises :class:`DamagedError`."""
    rows = connection.execute(f"SELECT {COLUMNS}, crc FROM state").fetchall()  # noqa: S608 - names of ours
    if len(rows) != 1 or values_crc(rows[0][:-1]) != rows[0][-1]:
        raise damage_error(
            folder_of(connection), "the row that says what was committed last does not match its checksum"
        )
    return State(*rows[0][:-1])


def seal(connection: sqlite3.Connection) -> None:
    """Write counts and checksums of the tables as they are now; the caller's transaction makes them count."""
    row = connection.execute("SELECT generation, epoch, rows FROM state").fetchone()
    counts = connection.execute(COUNTS).fetchone()
    sums = DEAD.checksum(connection), META.checksum(connection), index_checksum(connection)
    state = State._make((*row, *counts, *sums))
    connection.execute(
        "UPDATE state SET documents = ?, passages = ?, dead = ?, settings = ?, indexing = ?, crc = ?",
        (*state[3:], values_crc(state)),
    )


def check_seal(connection: sqlite3.Connection, tables: Sequence[Table] | None = None) -> None:
    """Compare all that the seal covers; raises :class:`DamagedError` that names the table."""
    state = read_state(connection)
    for what, matches in (
        ("documents and passages", connection.execute(COUNTS).fetchone() == (state.documents, state.passages)),
        ("deleted rows", DEAD.checksum(connection) == state.dead),
        ("settings", META.checksum(connection) == state.settings),
        ("index files", index_checksum(connection, tables) == state.indexing),
    ):
        if not matches:
            raise damage_error(folder_of(connection), f"the table of {what} does not match its checksum")


def index_checksum(connection: sqlite3.Connection, tables: Sequence[Table] | None = None) -> int:
    """Checksum of what each table has sealed: what is said of indexes, and which rows are words of passages.

    The tables are those that the settings ask for, unless told otherwise.
    """
    tables = tables_in(connection) if tables is None else tables
    checksum = values_crc(row for table in tables for row in table.sealed_rows(connection))
    for table in tables:
        checksum ^= table.sealed_sum(connection) & 0xFFFFFFFF
    return checksum
