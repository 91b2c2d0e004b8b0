"""Tables of segments: what is derived from passages beside their vectors, such as their words.

Segments follow each other from row 0 on. A commit adds one with its rows, so that these are found as soon as it
returns; segments are merged into larger ones, which are files. What is missing or damaged is made again of the
documents.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from semsearch.common.environment import thread_count
from semsearch.common.errors import NONSENSE
from semsearch.index import has_digest
from semsearch.storage.folder import is_own
from semsearch.storage.tables.table import Addition, FindingKind, Inspection, Row, Table, TableFinding

__all__ = ["FIELDS", "POSTINGS", "SegmentRecord", "Segments"]


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A segment: it covers ``rows`` rows from ``first`` on, and is in ``file``, or in the table if there is none.

    ``version`` is that of what made it. ``sha256`` is of the content; for files see ``index/file_digest.py``.
    """

    first: int
    rows: int
    version: int
    file: str | None
    sha256: str

    @property
    def end(self) -> int:
        """The row behind the last one."""
        return self.first + self.rows


class Segments(Table):
    """One row a segment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ddl = f"""
CREATE TABLE {name} (              -- see storage/tables/segments.py
    first   INTEGER PRIMARY KEY,   -- row that the segment begins with
    rows    INTEGER NOT NULL,
    version INTEGER NOT NULL,      -- of the program that made it
    file    TEXT,                  -- where its content is, if not here
    sha256  TEXT NOT NULL,
    content BLOB
);
"""

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Add the segment of a commit."""
        segment = addition.segments.get(self.name)
        if segment is not None:
            self.put(connection, *segment)

    def put(self, connection: sqlite3.Connection, record: SegmentRecord, content: bytes | None) -> None:
        """Put a segment in the place of all from its first row on; the caller's transaction makes it count."""
        connection.execute(f"DELETE FROM {self.name} WHERE first >= ?", (record.first,))  # noqa: S608 - ours
        insert = f"INSERT INTO {self.name} VALUES (?,?,?,?,?,?)"  # noqa: S608 - a name of ours
        connection.execute(insert, (*astuple(record), content))

    def read(self, connection: sqlite3.Connection) -> list[SegmentRecord]:
        """All segments in the order of their rows, without their content."""
        return [SegmentRecord(*row) for row in self.sealed_rows(connection)]

    def read_content(self, connection: sqlite3.Connection, record: SegmentRecord) -> bytes | None:
        """The content of a segment that is in the table; ``None`` if it is not what was written."""
        query = f"SELECT content FROM {self.name} WHERE first = ?"  # noqa: S608 - a name of ours
        (content,) = connection.execute(query, (record.first,)).fetchone() or (None,)
        is_sound = isinstance(content, bytes) and hashlib.sha256(content).hexdigest() == record.sha256
        return content if is_sound else None

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:  # noqa: ARG002 - a hook
        """Forget the former rows; the compaction notes the segments of the new ones."""
        self.forget_derived(connection)

    def forget_derived(self, connection: sqlite3.Connection) -> None:
        """All of it is made again."""
        connection.execute(f"DELETE FROM {self.name}")  # noqa: S608 - a name of ours

    def sealed_rows(self, connection: sqlite3.Connection) -> Iterable[Row]:
        """All but the content, which ``sha256`` is of."""
        query = f"SELECT first, rows, version, file, sha256 FROM {self.name} ORDER BY first"  # noqa: S608 - ours
        return connection.execute(query)

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of the segments."""
        for row in self.sealed_rows(inspection.connection):
            record = SegmentRecord(*row)
            name = record.file or f"{self.name} of row {record.first} and later ones"
            try:
                is_sound = self._is_sound(inspection, record)
            except (OSError, *NONSENSE) as error:
                yield FindingKind.INDEX, str(name), f"cannot be read: {error}"
                continue
            if not is_sound:
                yield FindingKind.INDEX, str(name), "does not match its checksum"

    def _is_sound(self, inspection: Inspection, record: SegmentRecord) -> bool:
        if record.file is None:
            return self.read_content(inspection.connection, record) is not None
        if not is_own(record.file):
            raise ValueError(f"{record.file!r} is no name of a segment's file")
        return has_digest(inspection.folder / record.file, record.sha256, thread_count())


POSTINGS = Segments("postings")
FIELDS = Segments("fields")
