"""The table ``passages``: which span of which document a row of the vector file stands for."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semsearch.common.arrays import chunks
from semsearch.common.documents import Document, Span
from semsearch.storage.database.errors import damage_error
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.tables.table import (
    PARAMETERS,
    Addition,
    FindingKind,
    Inspection,
    ReadRows,
    Row,
    Table,
    TableFinding,
    placeholders,
)

__all__ = ["PASSAGES", "SalvagedPassage", "StoredPassage", "passage_crc"]

COLUMNS = "vector, document, ordinal, start, stop, cut, unknown, crc"
"""The names on disk; ``vector`` is the row of the vector file, ``stop`` the end of the span."""
INSERT = "INSERT INTO passages VALUES (?,?,?,?,?,?,?,?)"


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with its document, read and checked; ``row`` is that of its vector."""

    row: int
    ordinal: int
    start: int
    end: int
    document: Document

    @property
    def text(self) -> str:
        """The passage as the document has it."""
        return self.document.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class SalvagedPassage:
    """A passage of a damaged database that matches its checksum."""

    row: int
    span: Span
    cut: int
    unknown: int


class Passages(Table):
    """One row a passage that is not deleted."""

    name = "passages"
    ddl = """
CREATE TABLE passages (
    vector   INTEGER PRIMARY KEY,  -- row of the vector file
    document INTEGER NOT NULL REFERENCES documents (number),
    ordinal  INTEGER NOT NULL,     -- number of the passage in its document, from 0
    start    INTEGER NOT NULL,     -- span in the document's text, in characters
    stop     INTEGER NOT NULL,
    cut      INTEGER NOT NULL,     -- tokens that did not fit the model and are not in the vector
    unknown  INTEGER NOT NULL,     -- tokens in the vector that the model does not know
    crc      INTEGER NOT NULL      -- of the seven above
);
CREATE INDEX passages_of_document ON passages (document);
"""

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Add the passages of a commit."""
        rows = (
            _append_crc(row, number, ordinal, *span, cut, unknown)
            for (row, number, ordinal, span), cut, unknown in zip(
                addition.passages(), addition.cut.tolist(), addition.unknown.tolist(), strict=True
            )
        )
        connection.executemany(INSERT, rows)

    def delete_passages(self, connection: sqlite3.Connection, number: int) -> None:
        """Forget the passages of a document; what their rows were is in the table ``dead`` by now."""
        connection.execute("DELETE FROM passages WHERE document = ?", (number,))

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:
        """Give passages the rows 0, 1, 2, … in their order.

        A row's old checksum is compared first: the new one must not hide that it did not match.
        """
        connection.execute("CREATE TEMP TABLE former AS SELECT * FROM passages ORDER BY vector")
        connection.execute("DELETE FROM passages")
        former = connection.execute(f"SELECT {COLUMNS} FROM former ORDER BY vector")  # noqa: S608 - a constant
        connection.executemany(INSERT, _renumber_rows(former, folder))
        connection.execute("DROP TABLE former")

    def live_rows(self, connection: sqlite3.Connection) -> list[int]:
        """Rows of all passages, ascending."""
        return [row for (row,) in connection.execute("SELECT vector FROM passages ORDER BY vector")]

    def count_unread(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """How many passages did not fit the model, and in how many there are tokens that it does not know."""
        truncated, unknown = connection.execute("SELECT total(cut > 0), total(unknown > 0) FROM passages").fetchone()
        return int(truncated), int(unknown)

    def read(self, connection: sqlite3.Connection, rows: Sequence[int], folder: Path) -> dict[int, StoredPassage]:
        """The passages of live rows, each compared with its checksum, and its document with its hash.

        A document is read once, however many of its passages are.
        """
        read = self._read_rows(connection, rows, folder)
        documents = DOCUMENTS.read_numbers(connection, sorted({values[1] for values in read.values()}), folder)
        return {row: _stored_passage(read[row], folder, documents) for row in rows}

    def document_numbers(self, connection: sqlite3.Connection, rows: Sequence[int], folder: Path) -> list[int]:
        """The number of the document that each of these live rows is a passage of, each row checked."""
        read = self._read_rows(connection, rows, folder)
        return [read[row][1] for row in rows]

    def _read_rows(self, connection: sqlite3.Connection, rows: Sequence[int], folder: Path) -> dict[int, Row]:
        """The values of these live rows of the table, each compared with its checksum."""
        read: dict[int, Row] = {}
        for part in chunks(rows, PARAMETERS):
            query = f"SELECT {COLUMNS} FROM passages WHERE vector IN ({placeholders(part)})"  # noqa: S608 - ? marks
            for values in connection.execute(query, part):
                _check_crc(values, folder)
                read[values[0]] = values
        lost = [row for row in rows if row not in read]
        if lost:
            raise damage_error(folder, f"passage {lost[0]} is not in it")
        return read

    def rows_of_document(self, connection: sqlite3.Connection, identifier: str, folder: Path) -> list[int] | None:
        """Rows of a document's passages in order; ``None`` if there is no such document."""
        document = DOCUMENTS.read(connection, identifier, folder)
        return None if document is None else [row for row, _ in self._spans(connection, *document[:2], folder)]

    def rows_where(self, connection: sqlite3.Connection, is_wanted: Callable[[str], object], folder: Path) -> list[int]:
        """Rows of the passages whose text fulfils a condition; a document with such a passage fulfils it, too.

        What is passed over is compared with its checksums as well, so that damage does not go unnoticed.
        """
        rows: list[int] = []
        for number, count, document in DOCUMENTS.read_all(connection, folder):
            if is_wanted(document.text):
                spans = self._spans(connection, number, count, folder)
                rows += [row for row, (start, end) in spans if is_wanted(document.text[start:end])]
        return rows

    def _spans(self, connection: sqlite3.Connection, number: int, count: int, folder: Path) -> list[tuple[int, Span]]:
        """Rows and spans of a document's passages, ``count`` of them, in order."""
        query = f"SELECT {COLUMNS} FROM passages WHERE document = ? ORDER BY ordinal"  # noqa: S608 - a constant
        rows = connection.execute(query, (number,)).fetchall()
        for values in rows:
            _check_crc(values, folder)
        if [values[2] for values in rows] != list(range(count)):
            raise damage_error(folder, f"the {count} passages of document {number} are not all found")
        return [(values[0], (values[3], values[4])) for values in rows]

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of the passages, and that each has its document."""
        for values in inspection.connection.execute(f"SELECT {COLUMNS} FROM passages"):  # noqa: S608 - a constant
            if passage_crc(values[:-1]) != values[-1]:
                yield FindingKind.PASSAGE, str(values[0]), "does not match its checksum"
        lost = "SELECT vector, document FROM passages WHERE document NOT IN (SELECT number FROM documents)"
        for row, document in inspection.connection.execute(lost):
            yield FindingKind.PASSAGE, str(row), f"its document {document} is not there"

    def salvage(self, read_rows: ReadRows, kept: sqlite3.Connection) -> None:
        """Keep the passages that match their checksums."""
        kept.execute("CREATE TABLE passages (vector INTEGER PRIMARY KEY, document, ordinal, start, stop, cut, unknown)")
        for values in read_rows("passages", COLUMNS, "vector"):
            if passage_crc(values[:-1]) == values[-1]:
                kept.execute("INSERT OR IGNORE INTO passages VALUES (?,?,?,?,?,?,?)", values[:-1])
        kept.execute("CREATE INDEX passages_of_document ON passages (document)")

    def salvaged_of(
        self, kept: sqlite3.Connection, number: int, count: int, length: int
    ) -> list[SalvagedPassage] | None:
        """The passages of a document of ``length`` characters that were kept; ``None`` if not all ``count`` were."""
        query = "SELECT ordinal, vector, start, stop, cut, unknown FROM passages WHERE document = ? ORDER BY ordinal"
        rows = kept.execute(query, (number,)).fetchall()
        inside = all(0 <= start <= end <= length for _, _, start, end, *_ in rows)
        if [values[0] for values in rows] != list(range(count)) or not inside:
            return None
        return [SalvagedPassage(row, (start, end), cut, unknown) for _, row, start, end, cut, unknown in rows]


def passage_crc(values: Row) -> int:
    """Checksum of a row of the table without its own."""
    return zlib.crc32(" ".join(map(repr, values)).encode())  # repr: after damage they may not be numbers


def _append_crc(*values: int) -> Row:
    return *values, passage_crc(values)


def _check_crc(values: Row, folder: Path) -> None:
    if passage_crc(values[:-1]) != values[-1]:
        raise damage_error(folder, f"passage {values[0]} does not match its checksum")


def _stored_passage(values: Row, folder: Path, documents: Mapping[int, Document]) -> StoredPassage:
    """A passage from its row and its document, both checked already."""
    row, number, ordinal, start, end = values[:5]
    document = documents.get(number)
    if document is None or not 0 <= start <= end <= len(document.text):
        raise damage_error(folder, f"passage {row} is not inside its document")
    return StoredPassage(row, ordinal, start, end, document)


def _renumber_rows(former: Iterable[Row], folder: Path) -> Iterator[Row]:
    for row, values in enumerate(former):
        _check_crc(values, folder)
        yield _append_crc(row, *values[1:-1])


PASSAGES = Passages()
