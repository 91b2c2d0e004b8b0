"""The tables ``indexes`` and ``word_indexes``: the files of the index over a kind of vectors, if one has been built."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from semsearch.common.environment import thread_count
from semsearch.common.errors import NONSENSE
from semsearch.index import has_digest
from semsearch.storage.folder import is_own
from semsearch.storage.tables.table import FindingKind, Inspection, Row, Table, TableFinding
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

if TYPE_CHECKING:
    from semsearch.storage.settings import Definition

__all__ = ["INDEXES", "WORD_INDEXES", "IndexFile", "Indexes"]


@dataclass(frozen=True, slots=True)
class IndexFile:
    """An index file: it covers ``rows`` rows from ``first`` on; for ``sha256`` see ``index/file_digest.py``."""

    first: int
    rows: int
    file: str
    sha256: str


class Indexes(Table):
    """One row a part of the index."""

    def __init__(self, kind: VectorKind) -> None:
        self._kind = kind
        self.name = f"{kind.table_prefix}indexes"
        self.ddl = f"""
CREATE TABLE {self.name} (             -- the parts of the index, if one has been built
    first  INTEGER PRIMARY KEY,    -- row that the part begins with
    rows   INTEGER NOT NULL,
    file   TEXT NOT NULL,
    sha256 TEXT NOT NULL
);
"""

    def is_kept(self, definition: Definition) -> bool:
        """Whether a collection keeps vectors of this kind."""
        return self._kind in definition.dimensions

    def read(self, connection: sqlite3.Connection) -> tuple[IndexFile, ...]:
        """All parts, in the order of their rows."""
        return tuple(IndexFile(*row) for row in self.sealed_rows(connection))

    def replace(self, connection: sqlite3.Connection, files: Sequence[IndexFile]) -> None:
        """Put other parts in the place of all; the caller's transaction makes them count."""
        self.forget_derived(connection)
        insert = f"INSERT INTO {self.name} (first, rows, file, sha256) VALUES (?,?,?,?)"  # noqa: S608 - a name of ours
        connection.executemany(insert, map(astuple, files))

    def forget_derived(self, connection: sqlite3.Connection) -> None:
        """The files stay behind, and are built again."""
        connection.execute(f"DELETE FROM {self.name}")  # noqa: S608 - a name of ours

    def sealed_rows(self, connection: sqlite3.Connection) -> Iterable[Row]:
        """All of them."""
        return connection.execute(f"SELECT first, rows, file, sha256 FROM {self.name} ORDER BY first")  # noqa: S608

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of the index files."""
        for _, _, file, sha256 in self.sealed_rows(inspection.connection):
            try:
                if not is_own(file):
                    raise ValueError(f"{file!r} is no name of an index file")
                is_sound = has_digest(inspection.folder / file, sha256, thread_count())
            except (OSError, *NONSENSE) as error:
                yield FindingKind.INDEX, str(file), f"cannot be read: {error}"
                continue
            if not is_sound:
                yield FindingKind.INDEX, file, "does not match its checksum"


INDEXES = Indexes(PASSAGE_VECTORS)
WORD_INDEXES = Indexes(WORD_VECTORS)
