"""Columns of a CSV file that hold numbers, or yes and no, are that; all others are texts."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.ingest.formats.tables.column_types import LOOKED_AT_ROWS
from semsearch.ingest.reader import Reader


def read(path):
    """The metadata of each document of a table."""
    return [document.metadata for document in Reader([str(path)])]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-20", "0"], [1, -20, 0]),
        (["1", "2.50", "3e2"], [1, 2.5, 300.0]),
        (["true", "FALSE"], [True, False]),
        (["007", "8"], ["007", "8"]),
        (["1", "n/a"], ["1", "n/a"]),
        (["+1", "2"], ["+1", "2"]),
        (["1,5", "2"], ["1,5", "2"]),
        (["1 ", "2"], ["1 ", "2"]),
        (["nan", "inf"], ["nan", "inf"]),
        (["0x10"], ["0x10"]),
        (["1e999"], ["1e999"]),
        (["12345678901234567890"], ["12345678901234567890"]),
        (["2024-01-31"], ["2024-01-31"]),
        (["٣"], ["٣"]),
        (["true", "1"], ["true", "1"]),
        (["", "4", ""], [None, 4, None]),
    ],
)
def test_a_column_is_of_one_type(tmp_path, cells, values):
    """By all its cells; an empty one has no value, and types are kept apart."""
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "x"], *(["a text", cell] for cell in cells)])
    found = [metadata.get("x") for metadata in read(path)]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_names_and_texts_stay_texts(tmp_path):
    """Ids, titles and texts that are numbers are no numbers."""
    path = tmp_path / "a.csv"
    path.write_text("id,title,text,year\n1,2,3,4\n", encoding="utf-8")
    (document,) = Reader([str(path)])
    assert (document.id, document.title, document.text, document.metadata) == ("1", "2", "3", {"year": 4})


def test_what_comes_late_stays_a_text(tmp_path):
    """Behind the rows that are looked at a cell that is no number changes no other one."""
    path = tmp_path / "a.csv"
    rows = "".join(f"a text,{number}\n" for number in range(LOOKED_AT_ROWS))
    path.write_text(f"text,x\n{rows}a text,none\na text,7\n", encoding="utf-8")
    found = [metadata["x"] for metadata in read(path)]
    assert found == [*range(LOOKED_AT_ROWS), "none", 7]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.integers(-(10**17), 10**17), st.floats(-1e9, 1e9).map(lambda x: round(x, 6))), min_size=1))
def test_numbers_come_back(tmp_path_factory, numbers):
    """What Python writes into a table is read as the same numbers."""
    stream = io.StringIO()
    csv.writer(stream).writerows([["text", "x"], *(["a text", repr(number)] for number in numbers)])
    path = tmp_path_factory.mktemp("table") / "a.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    assert [metadata["x"] for metadata in read(path)] == numbers


def test_a_table_is_filtered_by_its_numbers(tmp_path, encoder):
    """The point of it: a price is compared as a number."""
    import semsearch

    path = tmp_path / "tools.csv"
    path.write_text("text,price\ndrill,89.5\nsaw,9\nscrewdriver,49\n", encoding="utf-8")
    with semsearch.Collection.create(tmp_path / "tools", encoder) as tools:
        tools.add(Reader([str(path)]))
        hits = tools.search("a tool", where="price < 50")
    assert {hit.text for hit in hits} == {"saw", "screwdriver"}
