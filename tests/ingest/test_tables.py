"""Comma-separated and tab-separated tables as documents."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields
from semsearch.ingest.reader import Reader

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.text(
    "a\0\x85\u2028\r\n\"',;\t😀", max_size=9
)
DIALECTS = {"a.csv": "excel", "a.tsv": "excel-tab"}


@pytest.fixture
def put(tmp_path):
    """Write a table and give its path."""

    def write(data, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


@pytest.mark.parametrize("name", DIALECTS)
@given(st.lists(st.tuples(CELLS.filter(bool), CELLS, CELLS, CELLS), max_size=5))
@settings(deadline=None)
@example([("1", "two\r\nlines", "a\rb", 'say "hi"'), ("\ufeff", "", "\0", "")])
def test_what_csv_writes_is_read_back(name, rows):
    """Ids, texts, titles and metadata come back as the standard library wrote them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, DIALECTS[name])
            writer.writerows([("id", "text", "title", "year"), *rows])
        documents = list(Reader([path]))
    assert [(document.id, document.text) for document in documents] == [(row[0], row[1]) for row in rows]
    assert [document.title for document in documents] == [row[2] or None for row in rows]
    assert [document.metadata for document in documents] == [{"year": row[3]} if row[3] else {} for row in rows]


def test_rows_without_an_id_are_numbered_below_the_header(put):
    """The first row is number 1; blank lines are no rows, quoted newlines no row ends."""
    path = put('\ntext,x\r\n"a\nb",1\n\nc,2\n')
    found = [(document.id, document.text, document.metadata) for document in Reader([path])]
    assert found == [("a.csv:1", "a\nb", {"x": "1"}), ("a.csv:2", "c", {"x": "2"})]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_newline_convention_ends_a_row(put, newline):
    """Rows end at any of the three newlines."""
    path = put(newline.join(["text,x", "a,1", "b,2"]))
    assert [document.text for document in Reader([path])] == ["a", "b"]


def test_columns_are_found_by_name(put):
    """Named columns go before the default ones, and everything else is metadata."""
    path = put("text,id,key,name\nt,1,k,N\n")
    (document,) = Reader([path], fields=Fields(id="key", text="name", title="text"))
    assert (document.id, document.text, document.title, document.metadata) == ("k", "N", "t", {"id": "1"})


def test_a_column_without_a_name_is_called_by_its_position(put):
    """What a data frame writes as its index is kept as metadata."""
    (document,) = Reader([put(",text,\n7,a,\n")])
    assert document.metadata == {"column 1": "7"}


def test_a_byte_order_mark_is_not_part_of_the_first_column(put):
    """A table that a spreadsheet saved is read, quoted header and all."""
    (document,) = Reader([put(b'\xef\xbb\xbf"text",x\r\na,1\r\n')])
    assert document.text == "a"


def test_a_cell_may_be_large(put):
    """A cell over the csv module's own limit is read, even if somebody lowered that limit."""
    before = csv.field_size_limit(1000)
    try:
        (document,) = Reader([put(f"text\n{'x' * 300_000}\n")])
        assert len(document.text) == 300_000
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,1,2", "3 cells under 2 columns; mend the row"),
        ("a", "1 cells under 2 columns; mend the row"),
        ('"a"b,1', "not a row: ',' expected after '\"'; mend it"),
        ("a,", "field 'id' must be .*, not ''; name another with --id-field"),
        (b"\xe9,1", r"not UTF-8 \(byte 0xe9\); convert the file with iconv"),
        (b'"caf\xe9\nand tea",1', r"not UTF-8 \(byte 0xe9\); convert the file with iconv"),
    ],
)
def test_a_bad_row_is_refused_and_can_be_skipped(put, row, reason):
    """The error names the line that the row begins on; skipping loses that row alone."""
    data = row if isinstance(row, bytes) else row.encode()
    path = put(b'text,id\n"be\nfore",1\n' + data + b"\nafter,3\n")
    with pytest.raises(RecordError, match=rf"a\.csv:4: {reason}, or skip it with --skip-bad$"):
        list(Reader([path]))
    reader = Reader([path], skip_bad=True)
    assert [document.text for document in reader] == ["be\nfore", "after"]
    assert reader.skipped == 1


def test_numbers_of_rows_count_bad_ones(put):
    """A row keeps its number whether a bad one before it is skipped or mended."""
    reader = Reader([put("text,x\na\nb,2\n")], skip_bad=True)
    assert [document.id for document in reader] == ["a.csv:2"]


def test_a_quote_that_is_never_closed_is_not_swallowed(put):
    """An open quote is an error at the row that opens it, not one huge cell."""
    path = put('text\na\n"b\nc\nd\n')
    reader = Reader([path], skip_bad=True)
    assert [document.text for document in reader] == ["a"]
    assert reader.messages == [f"{path}:3: not a row: unexpected end of data; mend it"]


@pytest.mark.parametrize(
    ("data", "fields", "line", "reason"),
    [
        (b"", Fields(), 1, "no header row; put the names of the columns first"),
        (b"body,x\na,1\n", Fields(), 1, r"no field 'text' \(fields there: 'body', 'x'\); .* --text-field"),
        (b"text,x\na,1\n", Fields(id="key"), 1, r"no field 'key' .*; .* --id-field"),
        (b"text,x\na,1\n", Fields(title="name"), 1, r"no field 'name' .*; .* --title-field"),
        (b"\ntext,x,x\na,1,2\n", Fields(), 2, "two columns are called 'x'; rename one"),
        (b"text,\xff\na,1\n", Fields(), 1, r"not UTF-8 \(byte 0xff\)"),
        (b'"text\n', Fields(), 1, "not a row: unexpected end of data"),
    ],
)
def test_a_table_with_a_bad_header_is_refused_and_skipped_whole(put, data, fields, line, reason):
    """Without a header that names its columns no row can be read, and one error says so."""
    path = put(data)
    with pytest.raises(RecordError, match=rf"a\.csv:{line}: {reason}.*, or skip it with --skip-bad$"):
        list(Reader([path], fields=fields))
    reader = Reader([path], fields=fields, skip_bad=True)
    assert list(reader) == []
    assert reader.skipped == 1
