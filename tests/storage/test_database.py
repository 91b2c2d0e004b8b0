"""What is in the database is what was committed, or an error; hashes change with their contents."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch import Collection, Document
from semsearch.common.errors import DamagedError, FormatError
from semsearch.storage.tables.documents import content_hash
from semsearch.storage.tables.passages import passage_crc

DOCUMENT = Document(id="b", text="bee wings", title="Bees", source="/s/b", metadata={"n": 1, "tags": ["x"]})


def change(collection, sql, *values):
    """Change the database behind the collection's back."""
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        assert connection.execute(sql, values).rowcount == 1


@pytest.fixture
def bees(notes):
    """Three documents, numbered 1 to 3, one passage each; the second is nearest to "bee wings"."""
    notes.add([Document(id="a", text="far away"), DOCUMENT, Document(id="c", text="over there")])
    assert notes.search("bee wings", k=1)[0].document == "b"
    return notes


@pytest.mark.parametrize(
    "assignment",
    [
        "id = 'B'",
        "text = 'bee wing'",
        "text = 'bee wings '",
        "text = x'626565'",
        "text = CAST(x'62ff' AS TEXT)",
        "title = NULL",
        "title = 'Bee'",
        "source = NULL",
        "source = '/s/c'",
        'metadata = \'{"n":2,"tags":["x"]}\'',
        "metadata = '{\"n\":1'",
        "metadata = '[]'",
        "metadata = '7'",
        "metadata = 'null'",
        "hash = x'00'",
    ],
)
def test_a_changed_document_is_not_shown(bees, assignment):
    """Any changed column of a document is an error when it becomes a hit, and no other document suffers."""
    change(bees, f"UPDATE documents SET {assignment} WHERE number = 2")
    with pytest.raises(DamagedError):
        bees.search("bee wings", k=1)
    assert [hit.document for hit in bees.search("far away", k=1)] == ["a"]


@pytest.mark.parametrize(
    "assignment",
    [
        "document = 1",
        "document = 99",
        "ordinal = 1",
        "start = 1",
        "start = 'x'",
        "start = 0.25",
        "stop = 3",
        "stop = 8",
        "cut = 5",
        "crc = crc + 1",
        "vector = 99",
    ],
)
def test_a_changed_passage_is_not_shown(bees, assignment):
    """Any changed column of a passage is an error when it becomes a hit, and no other document suffers."""
    change(bees, f"UPDATE passages SET {assignment} WHERE vector = 1")
    with pytest.raises(DamagedError):
        bees.search("bee wings", k=1)
    assert [hit.document for hit in bees.search("far away", k=1)] == ["a"]


@pytest.mark.parametrize("sql", ["DELETE FROM passages WHERE vector = 1", "DELETE FROM documents WHERE number = 2"])
def test_a_lost_row_is_noticed(bees, sql):
    """A vector whose passage or document is missing is an error, not a shorter result."""
    change(bees, sql)
    with pytest.raises(DamagedError):
        bees.search("bee wings", k=3)


def test_a_row_that_came_back_is_noticed(bees):
    """A deleted vector that is no longer marked as dead is an error when it becomes a hit."""
    bees.delete(["b"])
    change(bees, "DELETE FROM dead WHERE vector = 1")
    with pytest.raises(DamagedError):
        Collection.open(bees.path, bees.encoder).search("bee wings", k=1)


def test_a_damaged_document_is_mended_by_indexing_it_again(bees):
    """The message names ``verify``; deleting a damaged document and adding it again makes it whole, too."""
    change(bees, "UPDATE documents SET text = 'wasp' WHERE number = 2")
    with pytest.raises(DamagedError, match="semsearch verify notes"):
        bees.search("bee wings", k=1)
    assert bees.delete(["b"]) == 1
    bees.add([DOCUMENT])
    assert bees.search("bee wings", k=1)[0].text == "bee wings"


@pytest.mark.parametrize(("start", "count"), [(0, 60), (40, 60), (4096, 60), (4096, None), (0, None)])
def test_a_damaged_database_file_is_one_clear_error(bees, start, count):
    """Overwritten pages give a semsearch error that names the collection, at opening or at searching."""
    bees.close()
    file = bees.path / "collection.db"
    content = file.read_bytes()
    rubbish = b"\xa5" * (count or len(content) - start)
    file.write_bytes(content[:start] + rubbish + content[start + len(rubbish) :])
    with pytest.raises(DamagedError, match=re.escape(str(bees.path))):
        Collection.open(bees.path, bees.encoder).search("bee wings", k=3)


@pytest.mark.parametrize(
    ("value", "error"),
    [("4", FormatError), ("99", FormatError), ('"x"', DamagedError), ("null", DamagedError), ("{", DamagedError)],
)
def test_another_format_is_refused(notes, value, error):
    """A collection of a format that this program does not know is refused, and the way out is named."""
    change(notes, "UPDATE meta SET value = ? WHERE key = 'format'", value)
    with pytest.raises(error, match="pip install --upgrade semsearch" if error is FormatError else "damaged"):
        Collection.open(notes.path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, value) for key in ("settings", "encoder", "created") for value in (None, "{")),
        *((key, value) for key in ("settings", "encoder") for value in ('{"window": "x"}', "7", '{"unit": "chapter"}')),
    ],
)
def test_damaged_settings_are_refused(notes, key, value):
    """Settings that are missing or make no sense are one clear error."""
    if value is None:
        change(notes, "DELETE FROM meta WHERE key = ?", key)
    else:
        change(notes, "UPDATE meta SET value = ? WHERE key = ?", value, key)
    with pytest.raises(DamagedError, match="settings do not match their checksum"):
        Collection.open(notes.path)


TEXTS = st.text(max_size=8)
METADATA = st.dictionaries(
    TEXTS, st.none() | st.booleans() | st.integers() | TEXTS | st.lists(st.integers()), max_size=3
)
DOCUMENTS = st.builds(
    Document, text=TEXTS, id=TEXTS, title=st.none() | TEXTS, source=st.none() | TEXTS, metadata=METADATA
)


@given(DOCUMENTS, DOCUMENTS, st.sampled_from(["id", "text", "title", "source", "metadata"]))
def test_the_hash_changes_with_every_field(document, other, name):
    """Two documents have one hash exactly if all their fields are equal."""
    changed = replace(document, **{name: getattr(other, name)})
    same = repr(getattr(document, name)) == repr(getattr(other, name))
    if name == "metadata":
        same = repr(sorted(document.metadata.items())) == repr(sorted(other.metadata.items()))
    assert (content_hash(document) == content_hash(changed)) == same


def test_moving_a_word_between_fields_changes_the_hash():
    """What stands in which field matters, not only the letters in a row."""
    variants = [Document("ab", "c"), Document("a", "bc"), Document("a", "b", "c"), Document("a", "b", None, "c")]
    assert len({content_hash(variant) for variant in variants}) == 4


@given(st.lists(st.integers(0, 1000), min_size=6, max_size=6), st.integers(0, 5), st.integers(1, 1000))
def test_the_checksum_of_a_passage_covers_every_column(values, column, difference):
    """A passage's checksum changes with any of its six numbers."""
    changed = [value + difference * (number == column) for number, value in enumerate(values)]
    assert passage_crc(tuple(values)) != passage_crc(tuple(changed))
