"""Tables are nouns: a new one is a module of its own, and everything that walks over tables finds it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from semsearch import Document
from semsearch.common.errors import DamagedError
from semsearch.storage import tables
from semsearch.storage.tables.table import Addition, FindingKind, Inspection, Row, Table, TableFinding, values_crc
from semsearch.storage.upkeep.verify import verify_folder


class Lengths(Table):
    """How many characters each passage has: derived data, a row a passage, as a lexical index would have it."""

    name = "lengths"
    ddl = "CREATE TABLE lengths (vector INTEGER PRIMARY KEY, characters INTEGER NOT NULL);"

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Count the characters of what is added."""
        rows = ((row, end - start) for row, _, _, (start, end) in addition.passages())
        connection.executemany("INSERT INTO lengths VALUES (?, ?)", rows)

    def delete_passages(self, connection, number):
        """Forget the passages of a document, which the table of passages still has."""
        connection.execute(
            "DELETE FROM lengths WHERE vector IN (SELECT vector FROM passages WHERE document = ?)", (number,)
        )

    def renumber(self, connection, _):
        """Number rows anew in their order."""
        lengths = connection.execute("SELECT characters FROM lengths ORDER BY vector").fetchall()
        connection.execute("DELETE FROM lengths")
        connection.executemany("INSERT INTO lengths VALUES (?, ?)", [(row, n) for row, (n,) in enumerate(lengths)])

    def sealed_rows(self, connection) -> list[Row]:
        """All of them."""
        return connection.execute("SELECT vector, characters FROM lengths ORDER BY vector").fetchall()

    def verify(self, inspection: Inspection) -> list[TableFinding]:
        """Compare with the spans of the passages."""
        query = "SELECT p.vector, p.stop - p.start, l.characters FROM passages p LEFT JOIN lengths l USING (vector)"
        for row, expected, stored in inspection.connection.execute(query):
            if expected != stored:
                yield FindingKind.PASSAGE, str(row), f"has {expected} characters, not {stored}"


@pytest.fixture
def lengths(monkeypatch):
    """One table more."""
    monkeypatch.setattr(tables, "TABLES", (*tables.TABLES, Lengths()))


def stored(collection):
    """What the new table has."""
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection:
        return dict(connection.execute("SELECT vector, characters FROM lengths"))


@pytest.mark.usefixtures("lengths")
def test_a_new_table_is_written_compacted_sealed_and_verified(make):
    """It follows additions, replacements, deletions and a compaction without a line outside its module."""
    collection = make("notes", unit="line")
    collection.add([Document("a bee\na wasp", id="a"), Document("a longer line", id="b")])
    assert stored(collection) == {0: 5, 1: 6, 2: 13}
    collection.add([Document("an ant", id="a")])
    assert stored(collection) == {2: 13, 3: 6}
    collection.delete(["b"])
    assert stored(collection) == {3: 6}
    collection.compact()
    assert stored(collection) == {0: 6}
    assert verify_folder(collection.path).sound
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection, connection:
        connection.execute("UPDATE lengths SET characters = 7")
    problems = {(finding.part, finding.problem) for finding in verify_folder(collection.path).findings}
    assert ("passage", "has 6 characters, not 7") in problems
    with pytest.raises(DamagedError, match="index files"):
        collection.add(["one more"])


class LengthsBesideWords(Lengths):
    """The same, in collections that keep word vectors."""

    def is_kept(self, definition):
        """Whether the collection has it."""
        return definition.word_vectors


def test_a_collection_need_not_have_a_new_table(make, monkeypatch):
    """One that was made before, and is none that has it, is searched, written to and found sound."""
    collection = make("notes", unit="line")
    collection.add(["a bee"])
    monkeypatch.setattr(tables, "TABLES", (*tables.TABLES, LengthsBesideWords()))
    collection.add(["a wasp"])
    assert len(collection.search("bee")) == 2
    assert verify_folder(collection.path).sound


def test_checksums_of_rows_change_with_every_value():
    """Types count as well as values."""
    rows = [(1, "a"), ("1", "a"), (1, "b"), (1, "a", None), (1.0, "a"), (1, b"a")]
    assert len({values_crc(row) for row in rows}) == len(rows)
