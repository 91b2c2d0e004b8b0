"""The tables of a collection as a whole: made, and looked at when a database is opened."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

from semsearch.common.errors import NONSENSE, FormatError
from semsearch.storage.database.errors import damage_error
from semsearch.storage.database.state import STATE_DDL, read_state, start
from semsearch.storage.settings import Definition
from semsearch.storage.tables import tables_of
from semsearch.storage.tables.meta import META

__all__ = [
    "FORMAT",
    "NEEDS",
    "create_schema",
    "format_of",
    "read_meta",
    "refuse_programs",
    "schema_of",
    "statements",
]

FORMAT = 3
"""Version of the collection format; see docs/format.md. A change comes with a migration."""
NEEDS = "0.1.0"
"""The first semsearch that reads this format; an older one names it in its error."""


def create_schema(connection: sqlite3.Connection, meta: dict[str, Any], generation: int = 0, epoch: int = 0) -> None:
    """Make the tables of an empty collection, the first state of it or a later one."""
    connection.executescript(schema_of(Definition.from_meta(meta)))
    META.write(connection, {**meta, "format": FORMAT, "needs": NEEDS})
    start(connection, generation, epoch)


def schema_of(definition: Definition) -> str:
    """The statements that make the tables of a collection."""
    return STATE_DDL + "".join(table.ddl for table in tables_of(definition))


def statements(script: str) -> list[str]:
    """The statements of a script; unlike ``executescript``, executing them one by one commits nothing."""
    return [statement for statement in re.sub("--.*", "", script).split(";") if statement.strip()]


def format_of(connection: sqlite3.Connection, folder: Path) -> int:
    """The format that a collection is written in; raises :class:`FormatError` if a newer program wrote it."""
    try:
        kept = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('format', 'needs')"))
        number = json.loads(kept["format"])
        needs = json.loads(kept.get("needs", '"a newer one"'))
    except NONSENSE as error:
        raise damage_error(folder, f"its format cannot be read ({error})") from error
    if not isinstance(number, int) or number < 1:
        raise damage_error(folder, f"its format is {number!r}")
    if number > FORMAT:
        raise FormatError(
            f"collection {folder} has format {number}, and this program knows formats up to {FORMAT}: it needs "
            f"semsearch {needs}; run: pip install --upgrade semsearch, or if no newer one wrote it: "
            f"semsearch verify {folder.name}"
        )
    return number


def read_meta(connection: sqlite3.Connection, folder: Path) -> dict[str, Any]:
    """Settings of a collection of today's format, compared with their checksum."""
    refuse_programs(connection, folder)
    if META.checksum(connection) != read_state(connection).settings:
        raise damage_error(folder, "its settings do not match their checksum")
    return META.read(connection)


def refuse_programs(connection: sqlite3.Connection, folder: Path) -> None:
    """No trigger and no view: this program makes none, and a stranger's would run SQL of his own."""
    query = "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index')"
    program = connection.execute(query).fetchone()
    if program:
        raise damage_error(folder, f"it has a {program[0]} {program[1]!r}, which semsearch never makes")
