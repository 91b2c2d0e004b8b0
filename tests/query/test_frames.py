"""Hits as tables of other programs, and in notebooks."""

from __future__ import annotations

import datetime
import json
from html.parser import HTMLParser

import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import InputError, MissingExtraError, RecordError
from tests.support.fake_encoder import FakeEncoder


@pytest.fixture(scope="module")
def hits(tmp_path_factory):
    """Three hits, one with what would be a tag."""
    path = tmp_path_factory.mktemp("frames") / "notes"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="line"))
    collection.add(
        [
            Document("a bee <script>alert(1)</script>", id="<b>", title="T & U", metadata={"n": 1, "tags": ["x"]}),
            Document("a fly\nthe sky", id="fly", source="/s/fly.txt"),
        ]
    )
    return collection.search("bee script", highlight=True)


class Reader(HTMLParser):
    """Tags, and the text between them."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.marked = [], [], []

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        """Note a text."""
        (self.marked if self.tags[-1][0] == "mark" and len(data.split()) == 1 else self.texts).append(data)


def test_a_notebook_shows_a_table_in_which_nothing_is_a_tag(hits):
    """Texts, titles and ids are escaped; the question's words are marked."""
    reader = Reader()
    reader.feed(hits._repr_html_())
    assert {tag for tag, _ in reader.tags} == {"table", "thead", "tbody", "tr", "th", "td", "b", "mark"}
    assert not any(attributes for _, attributes in reader.tags)
    everything = "".join([*reader.texts, *reader.marked])
    assert "<b>" in everything
    assert "bee" in reader.marked
    assert sum(tag == "tr" for tag, _ in reader.tags) == 1 + len(hits)


def test_a_long_text_is_cut_behind_its_last_highlight(tmp_path):
    """What was asked for is seen."""
    collection = Collection.create(tmp_path / "long", FakeEncoder(), CollectionSettings(unit="document"))
    collection.add([Document("far " * 20 + "bee " + "away " * 500, id="long")])
    html = collection.search("bee", highlight=True)._repr_html_()
    assert "<mark>bee</mark>" in html
    assert len(html) < 700


def test_hits_are_a_sequence(hits):
    """With what lists have, but for changes."""
    assert len(hits) == hits.total == 3
    assert hits == list(hits)
    assert hits == tuple(hits)
    assert hits[0] is next(iter(hits))
    assert hits[:2] == list(hits)[:2]
    assert hits != []
    assert repr(hits).startswith("<3 of 3 hits: '<b>'")
    with pytest.raises(TypeError):
        hash(hits)


def test_without_the_extra_the_error_names_it(hits, monkeypatch):
    """And how to install it."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="frames"):
        hits.to_arrow()


def test_an_arrow_table_has_a_row_a_hit(hits):
    """With all fields, metadata as JSON, and each part."""
    pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    rows = hits.to_arrow().to_pylist()
    assert [row["score"] for row in rows] == pytest.approx([hit.score for hit in hits])
    assert [row["document"] for row in rows] == [hit.document for hit in hits]
    assert json.loads(rows[0]["metadata"]) == {"n": 1, "tags": ["x"]}
    assert [row["lexical"] for row in rows] == [hit.parts["lexical"] for hit in hits]


def test_pandas_and_polars_read_hits(hits):
    """By a method, and by the Arrow C stream."""
    pytest.importorskip("pandas", reason="pandas is an extra")
    frame = hits.to_pandas()
    assert list(frame["document"]) == [hit.document for hit in hits]
    polars = pytest.importorskip("polars", reason="polars is not installed")
    assert polars.DataFrame(hits)["rank"].to_list() == [1, 2, 3]


ROWS = {
    "id": ["a", "b", "c"],
    "text": ["a bee", "a fly", "the sky"],
    "title": ["T", None, None],
    "year": [2020, None, 2022],
    "score": [0.5, float("nan"), 2.5],
    "day": [datetime.date(2024, 1, 2), None, datetime.date(2024, 3, 4)],
    "tags": [["x", "y"], [], None],
}


@pytest.mark.parametrize("kind", ["pyarrow", "pandas", "polars"])
def test_a_table_is_added_row_by_row(tmp_path, kind):
    """Columns are fields of documents, missing values none of them; added again nothing changes."""
    pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    library = pytest.importorskip(kind, reason=f"{kind} is not installed")
    table = library.table(ROWS) if kind == "pyarrow" else library.DataFrame(ROWS)
    collection = Collection.create(tmp_path / "notes", FakeEncoder())
    assert collection.add(table).added == 3
    assert collection.add(table).unchanged == 3
    (hit,) = collection.search("bee", where="year = 2020 and day < '2024-02-01' and tags contains 'x' and title = 'T'")
    assert (hit.document, hit.text, hit.title) == ("a", "a bee", "T")
    assert hit.metadata == {"year": 2020, "score": 0.5, "day": "2024-01-02", "tags": ["x", "y"]}
    assert {hit.document for hit in collection.search("x", where="score is null")} == {"b"}


def test_a_table_without_a_text_is_refused_with_its_columns(tmp_path):
    """And one with a text that is none by its row."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    collection = Collection.create(tmp_path / "notes", FakeEncoder())
    with pytest.raises(RecordError, match=r"row 0: no field 'text' \(fields there: 'words'\)"):
        collection.add(pa.table({"words": ["bee"]}))
    with pytest.raises(RecordError, match="row 1: field 'text' must be a string, not None"):
        collection.add(pa.table({"text": ["bee", None]}))


def test_a_table_that_cannot_be_read_is_refused(tmp_path):
    """Its columns' names are no texts."""

    class Table(list):
        columns = ("text",)

    collection = Collection.create(tmp_path / "notes", FakeEncoder())
    with pytest.raises(InputError, match="table without an Arrow stream"):
        collection.add(Table(["text"]))
    assert collection.ids() == []
