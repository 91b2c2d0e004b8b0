"""Comma-separated and tab-separated tables as documents."""

from __future__ import annotations

import csv
import io
import re
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


def keep_text(row):
    """A row whose last cell is no number."""
    return (*row[:-1], row[-1] and f"{row[-1]}y")


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
    rows = [keep_text(row) for row in rows]
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
    assert found == [("a.csv:1", "a\nb", {"x": 1}), ("a.csv:2", "c", {"x": 2})]


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
    assert document.metadata == {"column 1": 7}


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
        (b"\xe9" + "äöüß".encode() * 9 + b",1", r"not UTF-8 \(byte 0xe9\); convert the file with iconv"),
        (b'"caf\xe9\n' + "äöüß".encode() * 9 + b'",1', r"not UTF-8 \(byte 0xe9\); convert the file with iconv"),
    ],
)
def test_a_bad_row_is_refused_and_can_be_skipped(put, row, reason):
    """The error names the line that the row begins on; skipping loses that row alone."""
    data = row if isinstance(row, bytes) else row.encode()
    path = put(b'text,id\n"be\nfore",1\n' + data + b"\nafter,3\n")
    with pytest.raises(RecordError, match=rf"a\.csv:4: {reason}, or leave it out with skip_bad=True$"):
        list(Reader([path]))
    reader = Reader([path], skip_bad=True)
    assert [document.text for document in reader] == ["be\nfore", "after"]
    assert reader.skipped == 1


def test_numbers_of_rows_count_bad_ones(put):
    """A row keeps its number whether a bad one before it is skipped or mended."""
    reader = Reader([put("text,x\na\nb,2\n")], skip_bad=True)
    assert [document.id for document in reader] == ["a.csv:2"]


def test_a_quote_that_is_never_closed_is_not_swallowed(put):
    """An open quote is an error at the row that opens it, not one huge cell, and the rows below it are read."""
    path = put('text\na\n"b\nc\nd\n')
    reader = Reader([path], skip_bad=True)
    assert [document.text for document in reader] == ["a", "c", "d"]
    assert reader.messages == [f"{path}:3: not a row: unexpected end of data; mend it"]


def write_shop(rows=40, separator=",", stray=()):
    """Numbered rows, some of which begin or end with a quote that is a letter."""
    texts = {number: f"product {number} is a good one" for number in range(1, rows + 1)} | dict(stray)
    return f"id{separator}text\n" + "".join(f"{number}{separator}{text}\n" for number, text in texts.items())


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("number", [1, 7, 40])
@pytest.mark.parametrize("text", ['"wide screen', '"15 inch', '"24" screen', '"', '"a"b"'])
def test_a_stray_quote_costs_one_row(put, separator, number, text):
    """An opening quote in the first, a middle and the last row costs that row at most, whatever separates cells."""
    reader = Reader([put(write_shop(separator=separator, stray={number: text}))], skip_bad=True)
    ids = [document.id for document in reader]
    assert ids == [str(other) for other in range(1, 41) if other != number]
    assert reader.skipped == 1


@pytest.mark.parametrize("text", ['15" screen', 'the "last" one', 'a screen of 15"', 'a "', "5'3\""])
def test_a_quote_within_a_cell_is_a_letter(put, text):
    """A quote that does not begin a cell says nothing about where it ends."""
    documents = list(Reader([put(write_shop(stray={7: text}))]))
    assert [document.text for document in documents if document.id == "7"] == [text]
    assert len(documents) == 40


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(("first", "last"), [(1, 40), (7, 9), (7, 8), (39, 40), (2, 30)])
def test_two_stray_quotes_do_not_swallow_the_rows_between_them(put, name, first, last):
    """A quote that begins a row's cell and one that ends another's are letters of these rows."""
    stray = {first: '"wide screen', last: 'a screen of 15"'}
    path = put(write_shop(separator={"a.csv": ",", "a.tsv": "\t"}[name], stray=stray), name)
    documents = list(Reader([path]))
    assert [document.id for document in documents] == [str(number) for number in range(1, 41)]
    assert {int(document.id): document.text for document in documents}.items() >= stray.items()


def test_two_stray_quotes_among_words(put):
    """Many rows of two words each are no text, even if nothing in them is a number."""
    rows = "".join(f"{letter}{letter},word {letter}\n" for letter in "bcdefghijkl")
    texts = [document.text for document in Reader([put(f'id,text\na,"first\n{rows}z,last"\n')])]
    assert texts == ['"first', *(f"word {letter}" for letter in "bcdefghijkl"), 'last"']


@pytest.mark.parametrize("style", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("broken", ['"7","wide 24" screen"', '"7","wide screen', '"7,"wide"'])
def test_a_stray_quote_in_a_quoted_column_costs_one_row(put, style, broken):
    """Where other cells are quoted, a quote too many or too few costs its row."""
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=style, lineterminator="\n").writerows(
        [("id", "text"), *((str(number), f"product, {number}\nis good") for number in range(1, 41))]
    )
    table = stream.getvalue().replace('"7","product, 7\nis good"', broken)
    reader = Reader([put(table)], skip_bad=True)
    assert [document.id for document in reader] == [str(number) for number in range(1, 41) if number != 7]
    assert reader.skipped == 1


MULTILINE = [
    "Dear all,\nwe met in Rome, Italy, and it rained,\n1,000 people came\nHello, world\n\nBye, Ann",
    "Dear all" + "\nHello, world" * 9,
    "Shall I" + "\nCompare thee," * 9 + "\nso it,goes",
    "We were\n99,000 people there",
    "We met in\n1,Rome",
    "\n99,\n",
    "\n99,x",
    "a\nb",
    '"\n"',
]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("text", MULTILINE)
def test_a_text_of_several_lines_is_one_cell(put, newline, text):
    """Quoted line ends, commas, quotes and blank lines are read as the csv module reads them."""
    text = text.replace("\n", newline)
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("id", "text"), *((number, text) for number in range(5, 15))])
    assert [document.text for document in Reader([put(stream.getvalue())])] == [text] * 10


def test_a_cell_of_several_lines_below_a_stray_quote_is_read(put):
    """The row that a stray quote runs into is read as if the quote had not been there."""
    reader = Reader([put('id,text\n1,"stray\n2,"two\nlines"\n3,x\n')], skip_bad=True)
    assert [document.text for document in reader] == ["two\nlines", "x"]
    assert reader.skipped == 1


def test_spaces_behind_separators_are_no_part_of_other_columns(put):
    """Where all names of columns have a space before them, cells and names are read without."""
    (document,) = Reader([put("text, note, year\nheron, blue, 1999\n")])
    assert document.metadata == {"note": "blue", "year": 1999}


QUOTINGS = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]


@given(
    st.lists(st.tuples(CELLS.filter(bool), CELLS, CELLS, CELLS), max_size=5),
    st.sampled_from(QUOTINGS),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(deadline=None, max_examples=300)
def test_tables_are_read_as_the_csv_module_reads_them(rows, quoting, separator, newline):
    """With every style of quotes, every separator and both line ends, cells are those that csv.reader gives."""
    rows = [keep_text(row) for row in rows]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=quoting, delimiter=separator, lineterminator=newline)
    writer.writerows([("id", "text", "title", "year"), *rows])
    expected = list(csv.reader(io.StringIO(stream.getvalue(), newline=""), delimiter=separator))[1:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(stream.getvalue().encode())
        reader = Reader([path], skip_bad=True)
        found = [(item.id, item.text, item.title, item.metadata.get("year")) for item in reader]
    whole = [row for row in expected if len(row) == 4 and row[0]]
    assert found == [(row[0], row[1], row[2] or None, row[3] or None) for row in whole]
    assert reader.skipped == len(list(filter(None, expected))) - len(whole)


@given(st.text('1a",\n ', max_size=60))
@settings(deadline=None, max_examples=300)
def test_any_table_is_read_to_its_end(table):
    """Whatever quotes and line ends are in it, a row with nothing odd at the end of a table is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_text("id,text\n" + table + "\nlast,one\nlast,two\n")
        assert [item.text for item in Reader([path], skip_bad=True)][-1:] == ["two"]


def test_a_table_of_many_columns_is_read(put):
    """Columns are not compared with one another: 200,000 of them are a matter of a moment."""
    names = ",".join(f"c{number}" for number in range(200_000))
    (document,) = Reader([put(f"text,{names}\na{',x' * 200_000}\n")])
    assert len(document.metadata) == 200_000


@pytest.mark.parametrize("separator", ";\t|,")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_is_recognised_by_the_header(put, separator, end):
    """The separator is the one under which the header has the column of texts."""
    lines = ["id;text;x, y", '1;"heron; a bird";two, three', "2;a, b, c, d;"]
    table = end.join(line.replace(";", "\0").replace(",", ";" if separator == "," else ",") for line in lines)
    table = table.replace("\0", separator) + end
    documents = list(Reader([put("\ufeff" + table)]))
    assert [document.id for document in documents] == ["1", "2"]
    assert documents[0].text == f"heron{separator} a bird"


@pytest.mark.parametrize(
    ("name", "table", "texts"),
    [
        ("a.csv", "sep=;\nid;text\n1;heron\n", ["heron"]),
        ("a.csv", "SEP=^\r\nid^text\r\n1^heron\r\n", ["heron"]),
        ("a.csv", '"sep=\t"\nid\ttext\n1\theron\n', ["heron"]),
        ("a.csv", 'id, text\n1, heron\n2, "a, b"\n', ["heron", "a, b"]),
        ("a.csv", "id; text\n1; heron\n", ["heron"]),
        ("a.csv", 'id,text\n1, "a, b"\n2, "c"\n', ["a, b", "c"]),
        ("a.csv", "text\na; b\nc|d\te\n", ["a; b", "c|d\te"]),
        ("a.csv", '"id;x","text"\n"1;2","a;b"\n', ["a;b"]),
        ("a.csv", 'text,"a;text;b"\nheron,1\n', ["heron"]),
        ("a.csv", "text,note\n a, b\n", [" a"]),
        ("a.tsv", "id\ttext\n1\ta,b;c\n", ["a,b;c"]),
        ("a.tsv", "id,text\n1,heron\n", ["heron"]),
        ("a.tsv", "id;x,text\ttext\n1\theron\n", ["heron"]),
    ],
)
def test_separators_are_never_guessed_wrong(put, name, table, texts):
    """Separators inside of cells are letters, a table of one column stays one, and spaces count where all have them."""
    assert [document.text for document in Reader([put(table, name)])] == texts


@pytest.mark.parametrize(
    ("name", "header", "reason"),
    [
        ("a.tsv", "id\ttitle;text", r"\(fields there: 'id', 'title;text'\)"),
        ("a.csv", "id;body", r"no field 'text' \(fields there: 'id', 'body'\); name another with --text-field$"),
        (
            "a.csv",
            "id^text",
            r"\(fields there: 'id\^text'\); .*, or separate the columns by a comma, a semicolon, a tab or \|",
        ),
    ],
)
def test_a_header_without_the_column_of_texts_is_explained(put, name, header, reason):
    """The message lists the columns as they are separated, or says what separates columns."""
    reader = Reader([put(f"{header}\n1;x\n", name)], skip_bad=True)
    assert list(reader) == []
    assert re.search(reason, reader.messages[0])


@pytest.mark.parametrize(
    ("data", "fields", "line", "reason"),
    [
        (b"", Fields(), 1, "no header row; put the names of the columns first"),
        (b"body,x\na,1\n", Fields(), 1, r"no field 'text' \(fields there: 'body', 'x'\); .* --text-field"),
        (b"text,x\na,1\n", Fields(id="key"), 1, r"no field 'key' .*; .* --id-field"),
        (b"text,x\na,1\n", Fields(title="name"), 1, r"no field 'name' .*; .* --title-field"),
        (b"\ntext,x,x\na,1,2\n", Fields(), 2, "two columns are called 'x'; rename one"),
        ("text,äöüäöü".encode() + b"\xff\na,1\n", Fields(), 1, r"not UTF-8 \(byte 0xff\)"),
        (b'"text\n', Fields(), 1, "not a row: unexpected end of data"),
    ],
)
def test_a_table_with_a_bad_header_is_refused_and_skipped_whole(put, data, fields, line, reason):
    """Without a header that names its columns no row can be read, and one error says so."""
    path = put(data)
    with pytest.raises(RecordError, match=rf"a\.csv:{line}: {reason}.*, or leave it out with skip_bad=True$"):
        list(Reader([path], fields=fields))
    reader = Reader([path], fields=fields, skip_bad=True)
    assert list(reader) == []
    assert reader.skipped == 1
