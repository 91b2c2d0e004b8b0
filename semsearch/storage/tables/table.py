"""What a table of the database can be asked to do; each module beside this one holds all that is known of one table.

The writer, compaction, verification, salvage and the seal walk over ``TABLES`` and call these hooks. A new table is a
new module with a subclass, and its line in ``TABLES``; a hook that does not concern it is left out.
"""

from __future__ import annotations

import enum
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from semsearch.common.arrays import Int64
from semsearch.common.documents import Span

if TYPE_CHECKING:
    from semsearch.encoder.words import PassageWords
    from semsearch.storage.database.state import State
    from semsearch.storage.prepared import Prepared
    from semsearch.storage.settings import Definition
    from semsearch.storage.tables.segments import SegmentRecord
    from semsearch.storage.vectors.kinds import VectorKind

__all__ = [
    "Addition",
    "Append",
    "TableFinding",
    "Inspection",
    "FindingKind",
    "ReadRows",
    "Row",
    "Table",
    "placeholders",
    "set_sum",
    "values_crc",
]

Row = tuple[Any, ...]
ReadRows = Callable[[str, str, str], Iterator[Row]]
"""Reads the rows of a damaged table that can be read, given its name, the columns and the key they are ordered by."""

PARAMETERS = 500
"""Values of one ``IN (…)``, far below SQLite's limit of parameters."""


class Append(NamedTuple):
    """An append to a vector file: its first row, how many rows it has, and the SHA-256 of them all."""

    first: int
    rows: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Addition:
    """What one commit adds: documents under ``numbers``, and their passages, whose vectors begin at ``first_row``.

    ``cut`` counts for each passage the tokens that its vector does not cover, ``unknown`` those in it that the model
    does not know. ``words`` are those of each passage, where they are kept; their vectors begin at ``first_word_row``.
    ``appends`` are the rows that have been written; ``segments`` what is derived from passages, by the table's name.
    """

    documents: Sequence[Prepared]
    numbers: Sequence[int]
    first_row: int
    cut: Int64
    unknown: Int64
    words: Sequence[PassageWords] | None
    first_word_row: int
    appends: Mapping[VectorKind, Append]
    segments: Mapping[str, tuple[SegmentRecord, bytes]]

    def passages(self) -> Iterator[tuple[int, int, int, Span]]:
        """Row, document number, ordinal and span of each passage."""
        places = (
            (number, ordinal, span)
            for number, prepared in zip(self.numbers, self.documents, strict=True)
            for ordinal, span in enumerate(prepared.spans)
        )
        for offset, (number, ordinal, span) in enumerate(places):
            yield self.first_row + offset, number, ordinal, span


class FindingKind(enum.StrEnum):
    """What a finding is about, which decides how it is mended."""

    DATABASE = "database"
    DOCUMENT = "document"
    PASSAGE = "passage"
    VECTOR = "vector"
    INDEX = "index"
    FILE = "file"


TableFinding = tuple[FindingKind, str, str]
"""One thing that is wrong: in which part, which one, and what."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a check looks at: one state of a collection that is read, and what that is made with."""

    connection: sqlite3.Connection
    folder: Path
    state: State
    definition: Definition


class Table:
    """A table: its name, the statements that make it, and hooks, which do nothing unless a subclass says what."""

    name: str
    ddl: str

    def is_kept(self, definition: Definition) -> bool:  # noqa: ARG002 - for tables that only some collections have
        """Whether a collection has this table."""
        return True

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Add the rows of a commit, within its transaction."""

    def delete_passages(self, connection: sqlite3.Connection, number: int) -> None:
        """Remove what belongs to the passages of document ``number``; tables that refer to this one come first."""

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:
        """Give the rows of vectors that are left the numbers 0, 1, 2, …, as a compaction has copied them."""

    def forget_derived(self, connection: sqlite3.Connection) -> None:
        """Remove derived rows that refer to files, from a database that does not keep these files."""

    def sealed_rows(self, connection: sqlite3.Connection) -> Iterable[Row]:  # noqa: ARG002 - a hook
        """Rows that the seal covers one by one."""
        return ()

    def sealed_sum(self, connection: sqlite3.Connection) -> int:  # noqa: ARG002 - a hook
        """A checksum of all rows that the seal covers, for tables of many rows."""
        return 0

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:  # noqa: ARG002 - a hook
        """Compare all rows with their checksums and with what they refer to."""
        return iter(())

    def salvage(self, read_rows: ReadRows, kept: sqlite3.Connection) -> None:
        """Copy the rows of a damaged table that match their checksums into a table of ``kept``."""


def placeholders(values: Sequence[Any]) -> str:
    """Parameter marks for a list of values: ``?,?,?``."""
    return ",".join("?" * len(values))


def values_crc(values: Iterable[Any]) -> int:
    """CRC-32 of some values as Python writes them; after damage they may be of any type."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def set_sum(numbers: Int64) -> int:
    """Checksum of a set of numbers, whatever their order: a sum of mixed numbers (splitmix64, Steele 2014)."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((mixed ^ (mixed >> np.uint64(31))).sum(dtype=np.uint64)) >> 1  # SQLite's integers have a sign
