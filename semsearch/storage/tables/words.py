"""The table ``words``: where the words of each passage stand, and which rows their vectors have.

The spans of a passage's words are packed. The first byte is the size of a number: 1, 2 or 4 bytes. Then each span has
two numbers, little-endian: the gap before it, the first one from the beginning of the passage, and its length.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch.common.arrays import Int64, chunks
from semsearch.common.documents import Span
from semsearch.storage.database.connection import folder_of
from semsearch.storage.database.errors import damage_error
from semsearch.storage.tables.blocks import WORD_BLOCKS
from semsearch.storage.tables.passages import PASSAGES, StoredPassage
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
    set_sum,
    values_crc,
)

if TYPE_CHECKING:
    from semsearch.storage.settings import Definition

__all__ = ["WORDS", "StoredWords", "pack_spans", "unpack_spans"]

COLUMNS = "passage, first, number, spans, crc"
SPANS = "SELECT first, number FROM words"
"""The names on disk; ``passage`` is the row of the passage's vector."""


@dataclass(frozen=True, slots=True)
class StoredWords:
    """The words of a passage: ``spans`` in its document's text, int64[n, 2], and the row of the first one's vector."""

    first: int
    spans: Int64

    @property
    def rows(self) -> range:
        """The rows of all their vectors."""
        return range(self.first, self.first + len(self.spans))


class Words(Table):
    """One row a passage, in collections that keep word vectors."""

    name = "words"
    ddl = """
CREATE TABLE words (               -- the words of each passage, in collections that keep word vectors
    passage INTEGER PRIMARY KEY,   -- row of the passage
    first   INTEGER NOT NULL,      -- row of the file of word vectors from which on theirs are
    number  INTEGER NOT NULL,      -- how many there are
    spans   BLOB NOT NULL,         -- where they stand in the document's text; see storage/tables/words.py
    crc     INTEGER NOT NULL       -- of the four above
);
CREATE INDEX words_by_row ON words (first, number);
"""

    def is_kept(self, definition: Definition) -> bool:
        """Whether a collection keeps word vectors."""
        return definition.word_vectors

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Note where the words of a commit's passages are."""
        connection.executemany("INSERT INTO words VALUES (?,?,?,?,?)", _rows_of(addition))

    def delete_passages(self, connection: sqlite3.Connection, number: int) -> None:
        """Forget the words of a document's passages."""
        connection.execute(
            "DELETE FROM words WHERE passage IN (SELECT vector FROM passages WHERE document = ?)", (number,)
        )

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:
        """Number passages and words anew, both in the order of passages."""
        former = connection.execute(f"SELECT {COLUMNS} FROM words ORDER BY passage").fetchall()  # noqa: S608
        if not all(values_crc(values[:-1]) == values[-1] for values in former):
            raise damage_error(folder, "the words of a passage do not match their checksum")
        connection.execute("DELETE FROM words")
        firsts = np.cumsum([0, *(values[2] for values in former)]).tolist()
        connection.executemany(
            "INSERT INTO words VALUES (?,?,?,?,?)",
            (
                _append_crc(row, first, *values[2:4])
                for row, (first, values) in enumerate(zip(firsts, former, strict=False))
            ),
        )

    def sealed_sum(self, connection: sqlite3.Connection) -> int:
        """Checksum of the rows that are words of a passage."""
        rows = connection.execute(SPANS).fetchall()
        if not all(type(first) is type(number) is int for first, number in rows):
            return -1  # none is ever sealed that is no number
        spans = np.array(rows, np.int64).reshape(-1, 2)
        return set_sum(spans[:, 0]) ^ set_sum(spans.sum(axis=1))

    def live_rows(self, connection: sqlite3.Connection) -> Int64:
        """Rows of all words of passages, in the order of passages; raises :class:`DamagedError`."""
        spans = connection.execute(f"{SPANS} ORDER BY passage").fetchall()
        if not all(type(first) is type(number) is int for first, number in spans):
            raise damage_error(folder_of(connection), "the words of a passage do not match their checksum")
        return np.concatenate([np.arange(0), *(np.arange(first, first + number) for first, number in spans)])

    def sealed_live_rows(self, connection: sqlite3.Connection) -> Int64:
        """The same in any order, from where the seal has them: SQLite reads both from the index, not from the table."""
        spans = connection.execute(SPANS).fetchall()
        return np.concatenate([np.arange(0), *(np.arange(first, first + number) for first, number in spans)])

    def count(self, connection: sqlite3.Connection) -> int:
        """Number of words that have a vector."""
        return int(connection.execute("SELECT total(number) FROM words").fetchone()[0])

    def read(
        self, connection: sqlite3.Connection, passages: Sequence[StoredPassage], folder: Path
    ) -> list[StoredWords]:
        """The words of passages, each row compared with its checksum."""
        rows: dict[int, Row] = {}
        for part in chunks([passage.row for passage in passages], PARAMETERS):
            query = f"SELECT {COLUMNS} FROM words WHERE passage IN ({placeholders(part)})"  # noqa: S608 - ? marks
            rows |= {values[0]: values for values in connection.execute(query, part)}
        return [_check_words(rows.get(passage.row), passage, folder) for passage in passages]

    def read_spans(self, connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, StoredWords]:
        """The words of those of these rows that are passages, with spans from the beginning of the passage.

        What does not match its checksum is left out.
        """
        words: dict[int, StoredWords] = {}
        for part in chunks(rows, PARAMETERS):
            query = f"SELECT {COLUMNS} FROM words WHERE passage IN ({placeholders(part)})"  # noqa: S608 - ? marks
            for row, first, number, packed, crc in connection.execute(query, part):
                if values_crc((row, first, number, packed)) == crc:
                    words[row] = StoredWords(first, unpack_spans(packed, 0))
        return words

    def read_places(
        self, connection: sqlite3.Connection, rows: Sequence[int], folder: Path
    ) -> list[tuple[StoredPassage, Span]]:
        """The passage and the place of the word of each of these rows of the file of word vectors."""
        query = "SELECT passage FROM words WHERE first <= ? ORDER BY first DESC, number DESC LIMIT 1"
        owners = [owner for row in rows for (owner,) in connection.execute(query, (row,))]
        passages = PASSAGES.read(connection, owners, folder)
        words = self.read(connection, [passages[owner] for owner in owners], folder)
        if len(owners) < len(rows) or not all(
            stored.first <= row < stored.first + len(stored.spans) for row, stored in zip(rows, words, strict=True)
        ):
            raise damage_error(folder, "there is a word that belongs to no passage")
        spans = [stored.spans[row - stored.first].tolist() for row, stored in zip(rows, words, strict=True)]
        return [(passages[owner], (start, end)) for owner, (start, end) in zip(owners, spans, strict=True)]

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums of what is said of words, that they are inside their passages, and that no row is two words."""
        query = (
            "SELECT p.vector, p.start, p.stop, w.first, w.number, w.spans, w.crc "
            "FROM passages p LEFT JOIN words w ON w.passage = p.vector ORDER BY p.vector"
        )
        behind = 0
        for row, start, end, first, number, packed, crc in inspection.connection.execute(query):
            if first is None or values_crc((row, first, number, packed)) != crc:
                yield FindingKind.PASSAGE, str(row), "its words do not match their checksum"
                continue
            spans = unpack_spans(packed, start)
            if len(spans) != number or (number and spans[-1, 1] > end):
                yield FindingKind.PASSAGE, str(row), "its words are not inside it"
            if first < behind:
                yield FindingKind.PASSAGE, str(row), f"word {first} is one of another passage, too"
            behind = first + number
        if behind > WORD_BLOCKS.count(inspection.connection, inspection.state):
            yield FindingKind.DATABASE, self.name, f"there are words up to {behind - 1}, more than are committed"
        lost = "SELECT passage FROM words WHERE passage NOT IN (SELECT vector FROM passages)"
        for (row,) in inspection.connection.execute(lost):
            yield FindingKind.PASSAGE, str(row), "has words, and is not there"

    def salvage(self, read_rows: ReadRows, kept: sqlite3.Connection) -> None:
        """Keep what matches its checksum."""
        kept.execute("CREATE TABLE words (passage INTEGER PRIMARY KEY, first, spans)")
        for row, first, number, packed, crc in read_rows("words", COLUMNS, "passage"):
            if values_crc((row, first, number, packed)) == crc:
                kept.execute("INSERT OR IGNORE INTO words VALUES (?,?,?)", (row, first, packed))

    def salvaged_of(self, kept: sqlite3.Connection, row: int, start: int) -> StoredWords | None:
        """The words of a passage that begins at ``start``, if they were kept."""
        stored = kept.execute("SELECT first, spans FROM words WHERE passage = ?", (row,)).fetchone()
        return None if stored is None else StoredWords(stored[0], unpack_spans(stored[1], start))


def pack_spans(spans: Int64, start: int) -> bytes:
    """Spans one behind the other, int64[n, 2], from ``start`` on, as the module's first lines say."""
    numbers = np.diff(spans.reshape(-1), prepend=start)
    size = next(size for size in (1, 2, 4) if numbers.max(initial=0) < 1 << (8 * size))
    return bytes([size]) + numbers.astype(f"<u{size}").tobytes()


def unpack_spans(content: bytes, start: int) -> Int64:
    """The inverse of :func:`pack_spans`: int64[n, 2]."""
    numbers = np.frombuffer(content, f"<u{content[0]}", offset=1).astype(np.int64)
    return (numbers.cumsum() + start).reshape(-1, 2)


def _rows_of(addition: Addition) -> Iterator[Row]:
    first = addition.first_word_row
    for (row, _, _, (start, _)), words in zip(addition.passages(), addition.words or (), strict=True):
        yield _append_crc(row, first, len(words.spans), pack_spans(words.spans, start))
        first += len(words.spans)


def _append_crc(row: int, first: int, number: int, packed: bytes) -> Row:
    return row, first, number, packed, values_crc((row, first, number, packed))


def _check_words(values: Row | None, passage: StoredPassage, folder: Path) -> StoredWords:
    if values is None or values_crc(values[:-1]) != values[-1]:
        raise damage_error(folder, f"the words of passage {passage.row} do not match their checksum")
    spans = unpack_spans(values[3], passage.start)
    if len(spans) != values[2] or (len(spans) and spans[-1, 1] > passage.end):
        raise damage_error(folder, f"the words of passage {passage.row} are not inside it")
    return StoredWords(values[1], spans)


WORDS = Words()
