"""The table ``sources``: the name by which a file is known, so that its documents keep their ids.

The id of a document that a file holds begins with the file's name, which depends on how its path was given when it was
first read. However it is given later, it keeps that name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass

from semsearch.common.arrays import chunks
from semsearch.storage.tables.table import (
    PARAMETERS,
    FindingKind,
    Inspection,
    ReadRows,
    Table,
    TableFinding,
    placeholders,
    values_crc,
)

__all__ = ["SOURCES", "KnownSource"]

COLUMNS = "source, name, path"


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A file that has been read: ``source`` is where it is, ``name`` begins the ids of its documents.

    ``path`` is where it was found, which is another place than ``source`` if there was a link on the way.
    """

    source: str
    name: str
    path: str


class Sources(Table):
    """One row a file."""

    name = "sources"
    ddl = """
CREATE TABLE sources (             -- files that documents come from
    source TEXT PRIMARY KEY,       -- as in documents
    name   TEXT NOT NULL,          -- begins the ids of its documents
    path   TEXT NOT NULL,          -- where it was found: links are not followed
    crc    INTEGER NOT NULL        -- of the three above
) WITHOUT ROWID;
CREATE INDEX sources_by_name ON sources (name);
"""

    def note(self, connection: sqlite3.Connection, sources: Iterable[KnownSource]) -> None:
        """Note files, or what has changed about them; the caller's transaction makes it count.

        A file that takes over another's name, which is not there any more, is the only one of that name.
        """
        for values in map(astuple, sources):
            connection.execute("DELETE FROM sources WHERE name = ?", (values[1],))
            connection.execute("INSERT OR REPLACE INTO sources VALUES (?,?,?,?)", (*values, values_crc(values)))

    def renumber(self, connection: sqlite3.Connection, folder: object) -> None:  # noqa: ARG002 - a hook
        """Forget the files that no document comes from any more."""
        used = "SELECT source FROM documents WHERE source NOT NULL"
        connection.execute(f"DELETE FROM sources WHERE source NOT IN ({used})")  # noqa: S608 - a constant

    def read(self, connection: sqlite3.Connection, column: str, values: Sequence[str]) -> list[KnownSource]:
        """The sound rows of which a column is one of the values; a damaged row costs a name, and nothing else."""
        known: list[KnownSource] = []
        for part in chunks(values, PARAMETERS):
            query = f"SELECT {COLUMNS}, crc FROM sources WHERE {column} IN ({placeholders(part)})"  # noqa: S608 - ours
            known += [KnownSource(*row[:-1]) for row in connection.execute(query, part) if _is_sound(row)]
        return known

    def below(self, connection: sqlite3.Connection, root: str) -> list[KnownSource]:
        """The files that were found at a path or below it."""
        rows = connection.execute(
            f"SELECT {COLUMNS}, crc FROM sources WHERE path = ?1 OR substr(path, 1, length(?2)) = ?2",  # noqa: S608
            (root, root.rstrip("/") + "/"),
        )
        return [KnownSource(*row[:-1]) for row in rows if _is_sound(row)]

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of the rows."""
        for row in inspection.connection.execute(f"SELECT {COLUMNS}, crc FROM sources"):  # noqa: S608 - a constant
            if not _is_sound(row):
                yield FindingKind.DATABASE, self.name, f"the row of {row[0]!r} does not match its checksum"

    def salvage(self, read_rows: ReadRows, kept: sqlite3.Connection) -> None:
        """Keep the rows that match their checksums."""
        kept.executescript(self.ddl)
        for row in read_rows(self.name, f"{COLUMNS}, crc", "source"):
            if _is_sound(row):
                kept.execute("INSERT OR IGNORE INTO sources VALUES (?,?,?,?)", row)

    def salvaged(self, kept: sqlite3.Connection) -> list[KnownSource]:
        """All rows that were kept."""
        return [KnownSource(*row) for row in kept.execute(f"SELECT {COLUMNS} FROM sources")]  # noqa: S608 - a constant


def _is_sound(row: tuple[object, ...]) -> bool:
    with suppress(UnicodeError):
        return values_crc(row[:-1]) == row[-1]
    return False


SOURCES = Sources()
