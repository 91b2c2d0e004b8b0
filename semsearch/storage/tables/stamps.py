"""The table ``stamps``: how files were when all their documents were added, so that they are not read again.

A row is there only as long as it is true: whatever adds, changes or removes a document of a file removes its row, in
the same transaction. Who loses all rows reads all files once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple

from semsearch.common.arrays import chunks
from semsearch.ingest.stamps import Stamp
from semsearch.storage.tables.table import (
    PARAMETERS,
    Addition,
    FindingKind,
    Inspection,
    Table,
    TableFinding,
    placeholders,
    values_crc,
)

__all__ = ["STAMPS"]

COLUMNS = "source, size, modified, inode, digest, reading, documents"


class Stamps(Table):
    """One row a file."""

    name = "stamps"
    ddl = """
CREATE TABLE stamps (              -- files whose documents are all as they were read
    source    TEXT PRIMARY KEY,    -- as in documents
    size      INTEGER NOT NULL,    -- bytes
    modified  INTEGER,             -- nanoseconds since 1970; none if the file had just been written
    inode     INTEGER NOT NULL,
    digest    BLOB NOT NULL,       -- SHA-256 of the bytes
    reading   BLOB NOT NULL,       -- how they were read
    documents INTEGER NOT NULL,    -- how many there are of it
    crc       INTEGER NOT NULL     -- of the seven above
) WITHOUT ROWID;
CREATE INDEX stamps_by_digest ON stamps (digest);
"""

    def note(self, connection: sqlite3.Connection, stamps: Mapping[str, Stamp]) -> None:
        """Note files by their sources; the caller's transaction makes it count."""
        for source, stamp in stamps.items():
            values = (source, *astuple(stamp))
            connection.execute("INSERT OR REPLACE INTO stamps VALUES (?,?,?,?,?,?,?,?)", (*values, values_crc(values)))

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Forget the files that documents are added of: others may be missing yet."""
        sources = {one.document.source for one in addition.documents if one.document.source is not None}
        self.forget(connection, sorted(sources))

    def delete_passages(self, connection: sqlite3.Connection, number: int) -> None:
        """Forget the file that a document is of which goes or changes."""
        query = "DELETE FROM stamps WHERE source = (SELECT source FROM documents WHERE number = ?)"
        connection.execute(query, (number,))

    def forget(self, connection: sqlite3.Connection, sources: Sequence[str]) -> None:
        """Have these files read again."""
        for part in chunks(sources, PARAMETERS):
            marks = placeholders(part)
            connection.execute(f"DELETE FROM stamps WHERE source IN ({marks})", part)  # noqa: S608 - only ? marks

    def read(self, connection: sqlite3.Connection, sources: Sequence[str]) -> dict[str, Stamp]:
        """The stamps of those of these files that have one; a damaged row is as if it were not there."""
        stamps: dict[str, Stamp] = {}
        for part in chunks(sources, PARAMETERS):
            query = f"SELECT {COLUMNS}, crc FROM stamps WHERE source IN ({placeholders(part)})"  # noqa: S608 - ? marks
            stamps |= {row[0]: Stamp(*row[1:-1]) for row in connection.execute(query, part) if _is_sound(row)}
        return stamps

    def sources(self, connection: sqlite3.Connection) -> list[str]:
        """All files that have a stamp."""
        return [source for (source,) in connection.execute("SELECT source FROM stamps")]

    def sources_like(self, connection: sqlite3.Connection, stamp: Stamp) -> list[str]:
        """The files that had the same content, read in the same way."""
        query = f"SELECT {COLUMNS}, crc FROM stamps WHERE digest = ? AND reading = ?"  # noqa: S608 - a constant
        rows = connection.execute(query, (stamp.digest, stamp.reading))
        return [row[0] for row in rows if _is_sound(row)]

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of the rows."""
        for row in inspection.connection.execute(f"SELECT {COLUMNS}, crc FROM stamps"):  # noqa: S608 - a constant
            if not _is_sound(row):
                yield FindingKind.DATABASE, self.name, f"the row of {row[0]!r} does not match its checksum"


def _is_sound(row: tuple[object, ...]) -> bool:
    with suppress(UnicodeError):
        return values_crc(row[:-1]) == row[-1]
    return False


STAMPS = Stamps()
