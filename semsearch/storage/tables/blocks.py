"""The tables ``blocks`` and ``word_blocks``: every append to a vector file, with the SHA-256 of its bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.storage.tables.table import Addition, Append, FindingKind, Inspection, Row, Table, TableFinding
from semsearch.storage.vectors.file import vector_file
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

if TYPE_CHECKING:
    from semsearch.storage.database.state import State
    from semsearch.storage.settings import Definition

__all__ = ["BLOCKS", "WORD_BLOCKS", "Blocks"]


class Blocks(Table):
    """One row an append; together they are all committed rows of a kind of vectors."""

    def __init__(self, kind: VectorKind) -> None:
        self._kind = kind
        self.name = f"{kind.table_prefix}blocks"
        self.ddl = f"""
CREATE TABLE {self.name} (              -- every append to the vector file
    first  INTEGER PRIMARY KEY,
    rows   INTEGER NOT NULL,
    sha256 BLOB NOT NULL                -- see storage/vectors/file.py
);
"""

    def is_kept(self, definition: Definition) -> bool:
        """Whether a collection keeps vectors of this kind."""
        return self._kind in definition.dimensions

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Note what a commit has appended."""
        append = addition.appends.get(self._kind)
        self.note(connection, [append] if append else [])

    def note(self, connection: sqlite3.Connection, appends: Iterable[Append]) -> None:
        """Note appends; the caller's transaction makes them count."""
        connection.executemany(f"INSERT OR REPLACE INTO {self.name} VALUES (?,?,?)", appends)  # noqa: S608 - ours

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:  # noqa: ARG002 - a hook
        """Forget the appends to the former file; those to the new one are noted by the compaction."""
        connection.execute(f"DELETE FROM {self.name}")  # noqa: S608 - a name of ours

    def count(self, connection: sqlite3.Connection, state: State) -> int:
        """How many rows of the vector file are committed: for passages the state says so."""
        if self._kind is PASSAGE_VECTORS:
            return state.rows
        query = f"SELECT ifnull(max(first + rows), 0) FROM {self.name}"  # noqa: S608 - a name of ours
        return int(connection.execute(query).fetchone()[0])

    def sealed_rows(self, connection: sqlite3.Connection) -> Iterable[Row]:
        """How many rows are committed, where the state does not say it."""
        if self._kind is PASSAGE_VECTORS:
            return ()
        return connection.execute(f"SELECT max(first + rows) FROM {self.name}")  # noqa: S608 - a name of ours

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of whole appends, which must follow each other."""
        file = vector_file(inspection.folder, inspection.state.epoch, inspection.definition, self._kind)
        committed = self.count(inspection.connection, inspection.state)
        expected = 0
        query = f"SELECT first, rows, sha256 FROM {self.name} ORDER BY first"  # noqa: S608 - a name of ours
        for first, count, digest in inspection.connection.execute(query):
            if first != expected or not 0 < count <= committed - first:
                yield (
                    FindingKind.DATABASE,
                    self.name,
                    f"the record of the append at row {first} is not where it must be",
                )
                return
            if (first + count) * file.stride > file.path.stat().st_size:
                yield FindingKind.VECTOR, file.row_name(f"{first}-{first + count - 1}"), "the file ends before them"
                return
            with file.path.open("rb") as stream:
                stream.seek(first * file.stride)
                if file.digest(first, stream.read(count * file.stride)) != digest:
                    rows = f"{first}-{first + count - 1}"
                    yield FindingKind.VECTOR, file.row_name(rows), "do not match their append's checksum"
            expected += count
        if expected != committed:
            yield FindingKind.DATABASE, self.name, f"appends of {expected} rows are recorded, {committed} are committed"


BLOCKS = Blocks(PASSAGE_VECTORS)
WORD_BLOCKS = Blocks(WORD_VECTORS)
