"""Filters against SQLite, which answers the same conditions over the same metadata."""

from __future__ import annotations

import datetime
import json
import sqlite3

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError
from semsearch.fields.columns import build_columns, merge_columns
from semsearch.query.filters.evaluate import Matcher
from semsearch.query.filters.mapping import to_tree
from semsearch.query.filters.parser import parse_filter
from tests.support.fake_encoder import FakeEncoder

STRINGS = ["", "en", "EN", "de", "a%b", "naïve", "日本", "2020-01-31", "it's", "x\ny"]
NUMBERS = [-1, 0, 1, 2020, 2020.5, 1 << 60, (1 << 60) + 1, 0.1]
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "lang": st.sampled_from([*STRINGS, None]),
        "year": st.sampled_from([*NUMBERS, None]),
        "ok": st.sampled_from([True, False, None]),
        "author": st.fixed_dictionaries({}, optional={"name": st.sampled_from(STRINGS)}),
    },
)
DOCUMENTS = st.lists(st.tuples(METADATA, st.sampled_from([None, "T", "t%"])), min_size=1, max_size=12)


def quoted(value):
    """A value as both languages write it."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def conditions():
    """Conditions as text that both understand, with the field as each writes it."""
    text = st.sampled_from(["lang", "author.name", "title"])
    comparison = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    of_text = st.builds(lambda f, c, v: f"{{{f}}} {c} {quoted(v)}", text, comparison, st.sampled_from(STRINGS))
    of_number = st.builds(lambda c, v: f"{{year}} {c} {quoted(v)}", comparison, st.sampled_from(NUMBERS))
    like = st.builds(
        lambda f, p, n: f"{{{f}}} {n}like {quoted(p)}",
        text,
        st.sampled_from(["%", "e%", "_n", "%a%b%", "日_", "%'%", "__", "a\\%"]),
        st.sampled_from(["", "not "]),
    )
    among = st.builds(
        lambda n, v: f"{{lang}} {n}in ({', '.join(map(quoted, v))})",
        st.sampled_from(["", "not "]),
        st.lists(st.sampled_from(STRINGS), min_size=1, max_size=3),
    )
    between = st.builds(
        lambda n, a, b: f"{{year}} {n}between {a!r} and {b!r}",
        st.sampled_from(["", "not "]),
        st.sampled_from(NUMBERS),
        st.sampled_from(NUMBERS),
    )
    null = st.builds(
        lambda f, n: f"{{{f}}} is {n}null",
        st.sampled_from(["lang", "year", "ok", "author.name", "title"]),
        st.sampled_from(["", "not "]),
    )
    boolean = st.builds(lambda v: f"{{ok}} = {v}", st.sampled_from(["true", "false"]))
    leaf = st.one_of(of_text, of_number, like, among, between, null, boolean)
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda a, b: f"({a} and {b})", inner, inner),
            st.builds(lambda a, b: f"({a} or {b})", inner, inner),
            st.builds(lambda a: f"not ({a})", inner),
        ),
        max_leaves=5,
    )


EVERYTHING = {"lang": "x", "year": 0, "ok": True, "author": {"name": "x"}}
"""In one document more, so that every field is there with its type."""


def sqlite_matches(documents, condition):
    """Which documents SQLite finds; its JSON has booleans as numbers."""
    fields = {name: f"json_extract(metadata, '$.{name}')" for name in ("lang", "year", "ok", "author.name")}
    query = condition
    for name, column in [*fields.items(), ("title", "title")]:
        query = query.replace(f"{{{name}}}", column)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE documents (number INTEGER, title TEXT, metadata TEXT)")
    for number, (metadata, title) in enumerate(documents):
        connection.execute("INSERT INTO documents VALUES (?, ?, ?)", (number, title, json.dumps(metadata)))
    return [row[0] for row in connection.execute(f"SELECT number FROM documents WHERE {query} ORDER BY number")]


@given(DOCUMENTS, conditions(), st.integers(1, 12))
@settings(max_examples=400, deadline=None)
@example([({"year": 1 << 60}, None), ({"year": (1 << 60) + 1}, None)], f"{{year}} = {1 << 60}", 1)
def test_a_filter_finds_what_sqlite_finds(documents, condition, cut):
    """Three-valued logic, order of strings, LIKE: the same documents, whatever the segments."""
    documents = [*documents, (EVERYTHING, "x")]
    made = [(Document("x", str(number), title, None, data), 1) for number, (data, title) in enumerate(documents)]
    cut = min(cut, len(made))
    segments = [build_columns(made[:cut], 0), *([build_columns(made[cut:], cut)] if made[cut:] else [])]
    text = condition.replace("{", "").replace("}", "")
    expected = sqlite_matches(documents, condition)
    for parts in (segments, [merge_columns(segments)]):
        for part in parts:
            part.check()
            type(part).unpack(b"".join(part.pack()), part.first).check()
        assert np.flatnonzero(Matcher(parts).rows(parse_filter(text))).tolist() == expected


@given(st.text(max_size=60))
@settings(max_examples=500)
def test_any_text_is_a_filter_or_an_error_of_ours(text):
    """Nothing else is raised, and an error says where."""
    try:
        parse_filter(text)
    except QueryError as error:
        assert "filter" in str(error)  # noqa: PT017 - or it raises nothing


@given(st.lists(st.sampled_from(["year", ">", "=", "(", ")", "and", "or", "not", "in", "'a'", "3", ",", "is", "null"])))
def test_any_row_of_words_is_a_filter_or_an_error_with_its_column(words):
    """The column is within the text, or just behind it."""
    text = " ".join(words)
    try:
        parse_filter(text)
    except QueryError as error:
        told = str(error)
        if "column" in told:
            assert 1 <= int(told.split("column ")[1].split(":")[0]) <= len(text) + 1


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Fifty documents of two lines with metadata, in two commits, some deleted."""
    collection = Collection.create(
        tmp_path_factory.mktemp("filters") / "library", FakeEncoder(), CollectionSettings(unit="line")
    )
    for part in (range(30), range(30, 60)):
        collection.add(
            Document(
                f"bee{n} wing{n % 7}\nsky{n % 5}",
                id=f"d{n}",
                title=f"T{n}" if n % 2 else None,
                metadata={
                    "year": 2000 + n,
                    "tags": ["a", "b", n] if n % 3 else [],
                    "author": {"first name": f"A{n % 4}"},
                    "ok": bool(n % 2),
                    "title": "inner",
                    "published": f"2020-01-{n % 28 + 1:02}",
                },
            )
            for n in part
        )
    collection.delete([f"d{n}" for n in range(50, 60)])
    return collection


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("year >= 2020 and ok", [n for n in range(20, 50) if n % 2]),
        ("not ok", [n for n in range(50) if not n % 2]),
        ("tags contains 'a'", [n for n in range(50) if n % 3]),
        ("tags contains 7", [7]),
        ("not tags contains 'a'", [n for n in range(50) if not n % 3]),
        ("author.\"first name\" = 'A3'", [n for n in range(50) if n % 4 == 3]),
        ("metadata.title = 'inner' and title = 'T3'", [3]),
        ("title is null", [n for n in range(50) if not n % 2]),
        ("published < 2020-01-03", [n for n in range(50) if n % 28 < 2]),
        ("id in ('d1', 'd51', 'x')", [1]),
        ("2048 <= year", [48, 49]),
        ("year == 2001", [1]),
        ({"year": {">=": 2047}, "ok": True}, [47, 49]),
        ({"year": [2003, 2004]}, [3, 4]),
        ({"or": [{"year": 2000}, {"not": {"year": {"<": 2049}}}]}, [0, 49]),
        ({"title": None, "year": {"between": [2000, 2003]}}, [0, 2]),
        ({"published": {"=": datetime.date(2020, 1, 1)}}, [0, 28]),
        ({"year": np.int64(2009)}, [9]),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_only_and_all_documents_that_fulfil_it_are_found(library, where, expected, mode):
    """Always as many hits as there are, with the number of documents; deleted ones are none of them."""
    hits = library.search("bee1 sky1 sky2 sky3 sky4 sky0", k=1000, where=where, mode=mode)
    assert sorted({hit.document for hit in hits}) == sorted(f"d{n}" for n in expected)
    assert hits.documents == len(expected)
    if mode != "lexical":
        assert len(hits) == hits.total == 2 * len(expected)


def test_scores_under_a_filter_are_those_without(library):
    """A filter leaves hits out, and changes none; asked twice it answers the same."""
    everything = {(hit.document, hit.passage): hit.score for hit in library.search("bee7 sky1", k=1000, mode="dense")}
    for _ in range(2):
        hits = library.search("bee7 sky1", k=7, where="year > 2030", mode="dense")
        assert [hit.score for hit in hits] == [everything[hit.document, hit.passage] for hit in hits]
        assert len(hits) == 7


def test_similar_and_other_questions_take_filters(library):
    """Documents like one, vectors, many texts, and all from a score on."""
    assert {hit.document for hit in library.similar("d1", k=99, where="ok")} == {f"d{n}" for n in range(3, 50, 2)}
    (hits,) = library.search_vectors(library.encoder.encode(["bee3"]), k=99, where="year = 2003")
    assert {hit.document for hit in hits} == {"d3"}
    assert {hit.document for hits in library.search_many(["bee", "sky1"], where="year = 2004") for hit in hits} == {
        "d4"
    }
    assert {hit.document for hit in library.within("bee", -1, where="year < 2002")} == {"d0", "d1"}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("year > 3 ~" + " " * 200, "column 10: '~' means nothing here"),
        ("yaer > 3", "column 1: no document has a field yaer; did you mean 'year'"),
        ("ok and yaer > 3", "column 8"),
        ("year >= '2020'", "column 6: year holds numbers, and '2020' is a string; leave the quotes out"),
        ("year in (2020, 'x')", "column 6: year holds numbers"),
        ("ok = 1", "ok holds booleans, and 1 is a number"),
        ("published > 3", "published holds strings, and 3 is a number"),
        ("tags = 'a'", "tags holds lists; use: tags contains"),
        ("published contains 'a'", "published holds no lists"),
        ("year like '2%'", "year holds numbers"),
        ("year >", "column 7: a value is expected, and there is the end"),
        ("(year > 3", "column 10: '\\)' is expected"),
        ("year > 3 ok", "column 10: 'and', 'or' or the end is expected"),
        ("year ~ 3", "column 6: '~' means nothing here"),
        ("year = null", "column 8: nothing equals null; use: is null"),
        ("title = T1", "put a string into quotes: 'T1'"),
        ("title = 'T1", "column 9: the quotation mark ' is not closed"),
        ("year > 20x", "column 8: '20x' is no number"),
        ("year = " + "9" * 5000, "too many digits"),
        ("", "filter is empty"),
        ("(" * 10_000 + "ok" + ")" * 10_000, "more than 100 levels"),
        ("not " * 10_000 + "ok", "more than 100 levels"),
        ({"year": {"~": 3}}, "'~' with 3 is no comparison of year"),
        ({"year": float("nan")}, "nan is no value"),
        ({"year": {"between": [1]}}, "between 1 values"),
        ({"and": []}, "give a list of mappings"),
        ({3: 4}, "3 is no field"),
        ({}, "give text such as"),
        (7, "give text such as"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_mistake_is_told_with_its_place(library, where, told):
    """The column, what is wrong, and what to do."""
    with pytest.raises(QueryError, match=told):
        library.search("bee", where=where)


def test_a_long_row_of_conditions_is_no_deep_one(library):
    """Ten thousand conditions side by side are evaluated."""
    where = " or ".join(f"year = {2000 + n % 5}" for n in range(10_000))
    assert library.search("bee", k=99, where=where).documents == 5
    assert library.search("bee", k=99, where={"year": list(range(2000, 2003)) * 5000}).documents == 3


def test_a_filter_over_nothing_finds_nothing(tmp_path):
    """An empty collection has no fields, and a filter on it is no mistake."""
    collection = Collection.create(tmp_path / "empty", FakeEncoder())
    assert collection.search("bee", where="year > 3") == []


def test_a_change_of_metadata_is_seen_by_the_next_filter(tmp_path):
    """As soon as the commit returns, and nothing is encoded for it."""
    encoder = FakeEncoder()
    collection = Collection.create(tmp_path / "notes", encoder)
    collection.add([Document("a bee", id="a", metadata={"n": 1}), Document("a fly", id="b", metadata={"n": 1})])
    assert collection.search("bee", where="n = 1").documents == 2
    encoder.encoded = []
    collection.add([Document("a bee", id="a", metadata={"n": 2})])
    assert encoder.encoded == []
    assert [hit.document for hit in collection.search("bee", where="n = 2")] == ["a"]
    assert collection.search("bee", where="n = 1").documents == 1


def test_true_and_one_are_different_filters(tmp_path):
    """What was found for one is not answered for the other, though they are equal in Python."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder())
    collection.add([Document("a", id="a", metadata={"x": True}), Document("b", id="b", metadata={"x": 1})])
    assert [hit.document for hit in collection.search("a", where={"x": True})] == ["a"]
    assert [hit.document for hit in collection.search("a", where={"x": 1})] == ["b"]


@pytest.mark.parametrize("where", ["ok", {"ok": True}])
def test_a_mapping_and_a_text_are_one_tree(where):
    """Both forms are one filter."""
    assert to_tree(where) == parse_filter("ok = true")


def test_fields_are_listed_by_type_with_their_counts(library):
    """Live documents alone; lists by the type of what is in them; nothing of missing values."""
    fields = library.fields()
    assert fields["year"] == {"integer": 50}
    assert fields["ok"] == {"boolean": 50}
    assert fields['author."first name"'] == {"string": 50}
    assert fields["tags"] == {"integer[]": 33, "string[]": 33}
    assert fields["title"] == {"string": 25}
    assert "id" not in fields
    assert "source" not in fields


def test_spaces_around_a_filter_mean_nothing(library):
    """However many."""
    assert library.search("bee", k=99, where=" " * 300 + "year\t=\n2001" + " " * 300).documents == 1


@pytest.mark.parametrize("digits", [30, 400, 4000])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_beyond_all_others(tmp_path, digits, sign):
    """In metadata and in filters: they are stored, are found, and are larger or smaller than all that are not."""
    number = sign * 10**digits
    collection = Collection.create(tmp_path / "notes", FakeEncoder())
    collection.add([Document("a", id="huge", metadata={"n": number}), Document("b", id="one", metadata={"n": 1})])
    assert collection.search("a", where={"n": number}).documents == 1
    beyond, within = (">", "<") if sign > 0 else ("<", ">")
    assert [hit.document for hit in collection.search("a", where=f"n {beyond} 1")] == ["huge"]
    assert [hit.document for hit in collection.search("a", where=f"n {within} {number}")] == ["one"]
    assert collection.search("a", where={"n": {"between": [-abs(number), abs(number)]}}).documents == 2


def test_fields_are_written_as_a_filter_reads_them(tmp_path):
    """Keywords, spaces, quotes and dots in a key: what is listed can be asked for, as text and as a mapping."""
    keys = ["like", "Not", "first name", 'say "x"', "a.b", "jahr_ä", "_id", "2020", "title"]
    collection = Collection.create(tmp_path / "notes", FakeEncoder())
    collection.add([Document("a", id="a", metadata=dict.fromkeys(keys, 7)), Document("b", id="b")])
    fields = set(collection.fields())
    assert len(fields) == len(keys)
    for field in fields:
        assert [hit.document for hit in collection.search("a", where=f"{field} = 7")] == ["a"], field
        assert [hit.document for hit in collection.search("a", where={field: 7})] == ["a"], field
