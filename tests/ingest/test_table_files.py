"""Tables that are no text: JSON lists, Parquet, Arrow, Feather, SQLite; each row is a record."""

from __future__ import annotations

import datetime
import json
import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields
from semsearch.ingest.formats.registry import FORMATS
from semsearch.ingest.locations import find_location
from semsearch.ingest.reader import Reader

ROWS = [
    {"id": "b", "text": "A bee.", "price": 3, "sold": True, "tags": ["x", "y"], "maker": {"name": "Ada"}},
    {"id": "j", "text": "A jet.", "price": 4.5, "sold": False, "tags": [], "maker": {"name": "Ben"}},
]


@pytest.fixture
def pa():
    """The library of Parquet and Arrow."""
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed")


def _read(path, **options):
    return list(Reader([path], **options))


def _plain(documents):
    """Documents as the rows that they were."""
    return [{"id": one.id, "text": one.text, **one.metadata} for one in documents]


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"count": 2, "data": rows}], ids=["list", "inside"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_list_of_objects_is_a_table(tmp_path, wrap, indent):
    """At the top of the file, or the one list in the object at the top."""
    (tmp_path / "a.json").write_text(json.dumps(wrap(ROWS), indent=indent))
    assert _plain(_read(tmp_path / "a.json")) == ROWS


@pytest.mark.parametrize(
    "text", ['{"name": "x", "scripts": {"test": "a"}}', "[1, 2]", "3", "[]", "{ // a comment\n}", ""]
)
def test_other_json_is_text(tmp_path, text):
    """Configuration is found by what is in it."""
    (tmp_path / "a.json").write_text(text)
    assert [document.text for document in _read(tmp_path / "a.json")] == [text]


def test_broken_objects_of_a_list_are_named(tmp_path):
    """By their numbers; where the JSON itself breaks, what was before it is kept."""
    (tmp_path / "a.json").write_text('[{"text": "One."}, 5, {"body": "x"}, {"text": "Four."}, {"text": ')
    reader = Reader([tmp_path / "a.json"], skip_bad=True)
    assert [(one.id, one.text) for one in reader] == [("a.json:1", "One."), ("a.json:4", "Four.")]
    for message, wanted in zip(
        reader.messages, ["a.json:2: a JSON int", "a.json:3: no field 'text'", "a.json:5: not JSON"], strict=True
    ):
        assert wanted in message


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("name", ["a.json", "a.parquet", "a.arrow", "app.db?table=notes"])
def test_a_table_without_the_text_is_one_error(tmp_path, database, name):
    """And not one for each of its rows; it names the columns that are there."""
    rows = [{"body": "A bee.", "year": 1}] * 50
    (tmp_path / "a.json").write_text(json.dumps(rows))
    if name in ("a.parquet", "a.arrow"):
        pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        from pyarrow import feather, parquet

        (parquet.write_table if name == "a.parquet" else feather.write_feather)(
            pa.Table.from_pylist(rows), str(tmp_path / name)
        )
    reader = Reader([f"{database.parent}/{name}"], fields=Fields(text="nothing"), skip_bad=True)
    assert list(reader) == []
    (message,) = reader.messages
    assert "no field 'nothing' (fields there: " in message
    assert "--text-field" in message


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({"text": ANY_TEXT}, optional={"a": JSON_VALUES, "b": JSON_VALUES}), min_size=1))
def test_any_list_of_objects_is_read_as_json_has_it(tmp_path_factory, rows):
    """As Python's own parser."""
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(rows))
    assert [one.text for one in _read(path)] == [row["text"] for row in json.loads(path.read_text())]


def test_a_parquet_file_is_read_by_rows(tmp_path, pa):
    """With types kept, dates as ISO, and what is missing left out."""
    from pyarrow import parquet

    day = datetime.date(2026, 1, 2)
    rows = [{**ROWS[0], "day": day, "raw": b"x", "gone": None}, {**ROWS[1], "day": None, "raw": None, "gone": None}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert _plain(_read(tmp_path / "a.parquet")) == [{**ROWS[0], "day": "2026-01-02"}, ROWS[1]]


@pytest.mark.parametrize("kind", ["file", "stream", "feather"])
def test_an_arrow_file_is_read_by_rows(tmp_path, pa, kind):
    """In each of its three forms."""
    from pyarrow import feather, ipc

    table = pa.Table.from_pylist(ROWS)
    path = tmp_path / ("a.feather" if kind == "feather" else "a.arrow")
    if kind == "feather":
        feather.write_feather(table, path)
    else:
        with (
            pa.OSFile(str(path), "wb") as sink,
            (ipc.new_file if kind == "file" else ipc.new_stream)(sink, table.schema) as writer,
        ):
            writer.write_table(table)
    assert _plain(_read(path)) == ROWS


def test_columns_are_chosen_by_name(tmp_path, pa):
    """As in every table."""
    from pyarrow import parquet

    parquet.write_table(
        pa.Table.from_pylist([{"key": 1, "body": "A bee.", "subject": "Bees", "a": 1, "b": 2}]), tmp_path / "a.parquet"
    )
    (document,) = _read(tmp_path / "a.parquet", fields=Fields("key", "body", "subject", ("b",)))
    assert (document.id, document.text, document.title, document.metadata) == ("1", "A bee.", "Bees", {"b": 2})


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_damaged_file_of_arrow_is_one_error(tmp_path, pa, name):
    """Cut off, overwritten in places, empty, or something else."""
    from pyarrow import feather, parquet

    (parquet.write_table if name == "a.parquet" else feather.write_feather)(
        pa.Table.from_pylist(ROWS * 500), str(tmp_path / name)
    )
    content = (tmp_path / name).read_bytes()
    some = random.Random(7)  # noqa: S311 - damage, no secret
    for damage in range(60):
        data = bytearray(content[: some.randrange(len(content))] if damage % 2 else content)
        for _ in range(5 if damage % 2 == 0 else 0):
            data[some.randrange(len(data))] = some.randrange(256)
        (tmp_path / name).write_bytes([b"", b"no table", data][min(damage, 2)])
        reader = Reader([tmp_path / name], skip_bad=True)
        assert len(list(reader)) + reader.skipped > 0


@pytest.fixture
def database(tmp_path):
    """A database with two tables and a view."""
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.executescript(
            "CREATE TABLE notes (text TEXT, year INTEGER, picture BLOB);"
            "CREATE TABLE mails (id TEXT, body TEXT);"
            "CREATE VIEW recent AS SELECT text FROM notes WHERE year > 2020;"
            "INSERT INTO notes VALUES ('A bee.', 2019, x'00'), ('A jet.', 2024, NULL), ('Soup.', NULL, NULL);"
            "INSERT INTO mails VALUES ('m1', 'Honey.');"
            "DELETE FROM notes WHERE text = 'A bee.';"
        )
    return tmp_path / "app.db"


def test_a_table_of_a_database_is_read(database):
    """Called by its rowids, which stay when other rows are deleted."""
    documents = _read(f"{database}?table=notes")
    assert [(one.id, one.text, one.metadata) for one in documents] == [
        ("app.db?table=notes:2", "A jet.", {"year": 2024}),
        ("app.db?table=notes:3", "Soup.", {}),
    ]
    assert find_location(documents[0].source, documents[0].id, documents[0].text, (0, 6)) == {"row": 2}
    (document,) = _read(f"{database}?table=mails", fields=Fields(text="body"))
    assert (document.id, document.text) == ("m1", "Honey.")
    assert [one.text for one in _read(f"{database}?table=recent")] == ["A jet."]


def test_two_tables_of_a_database_are_two_sources(database):
    """Both in one run."""
    reader = Reader([f"{database}?table=notes", f"{database}?table=recent"])
    assert len(list(reader)) == 3
    assert not reader.lacks(f"{database}?table=mails", f"{database}?table=mails")
    assert reader.lacks(f"{database}x?table=mails", f"{database}x?table=mails")


def test_a_query_says_what_is_read(database):
    """With the columns that it names."""
    sql = "SELECT upper(text) AS text, year AS title FROM notes WHERE year IS NOT NULL"
    with pytest.raises(RecordError, match="field 'title' must be a string"):
        _read(database, fields=Fields(sql=sql))
    (document,) = _read(database, fields=Fields(sql=sql.replace("year AS", "'x' AS")))
    assert (document.id, document.text, document.title) == ("app.db:1", "A JET.", "x")


@pytest.mark.parametrize(
    ("path", "fields", "reason"),
    [
        ("app.db?table=nothing", Fields(), r"no table 'nothing' \(tables there: mails, notes, recent\)"),
        ("app.db", Fields(text="nothing"), "not one table with a column 'nothing'"),
        ("app.db", Fields(sql="SELECT"), "cannot be read by SQLite"),
        ("app.db", Fields(sql="DROP TABLE notes"), "cannot be read by SQLite"),
        ("app.db", Fields(sql="DELETE FROM notes"), "readonly"),
    ],
)
def test_what_a_database_has_not_is_said(database, path, fields, reason):
    """With the tables that are there; nothing is ever written."""
    before = database.read_bytes()
    with pytest.raises(RecordError, match=reason):
        _read(database.parent / path, fields=fields)
    assert database.read_bytes() == before


def test_a_damaged_database_is_one_error(tmp_path, database):
    """Not a traceback, wherever it is damaged."""
    content = database.read_bytes()
    some = random.Random(3)  # noqa: S311 - damage, no secret
    for _ in range(40):
        data = bytearray(content)
        for _ in range(20):
            data[some.randrange(100, len(data))] = some.randrange(256)
        (tmp_path / "bad.db").write_bytes(data)
        reader = Reader([f"{tmp_path / 'bad.db'}?table=notes"], skip_bad=True)
        list(reader)
        assert reader.skipped <= 3


def test_databases_are_left_out_of_folders(database):
    """Nobody has said which of their tables are meant."""
    reader = Reader([database.parent])
    assert list(reader) == []
    assert reader.ignored == 1


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("page", b"<!DOCTYPE html><html><body><p>A bee hums in the garden.</p></body></html>", "html"),
        ("letter", b"From: a@b.c\nDate: Wed, 01 May 2024 10:00:00 +0200\nSubject: Bees\n\nA bee.\n", "mail"),
        ("script", b"#!/usr/bin/env python3\nprint('bee')\n", "code"),
        ("bee", b'.\\" a comment\n.TH BEE 1\n.SH NAME\nbee \\- hum\n', "manual"),
        ("plain", b"A bee.", "text"),
    ],
)
def test_a_file_without_an_extension_is_known_by_its_content(tmp_path, name, content, kind):
    """If it was asked for by its name."""
    (tmp_path / name).write_bytes(content)
    (document,) = Reader([tmp_path / name])
    assert document.metadata["kind"] == kind


def test_databases_and_tables_without_an_extension_are_known(tmp_path, database, pa):
    """By their first bytes."""
    from pyarrow import parquet

    database.rename(tmp_path / "data")
    assert [one.text for one in _read(tmp_path / "data", fields=Fields(sql="SELECT text FROM notes"))] == [
        "A jet.",
        "Soup.",
    ]
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "table")
    assert _plain(_read(tmp_path / "table")) == ROWS
    assert set(FORMATS) >= {"sqlite", "parquet", "arrow", "json", "manual"}
