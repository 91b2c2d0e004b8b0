"""Where in its file a passage is."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings
from semsearch.ingest import locations
from semsearch.ingest.locations import Location, find_location
from semsearch.ingest.reader import Reader
from tests.support import sample_files
from tests.support.fake_encoder import FakeEncoder

BEGINNING = "intro\n\n# Insects\n\n## Bees\n\nhoney\n\n```sh\n# no heading\n```\n\nmore\n"
MARKDOWN = f"{BEGINNING}\n## Flies\n\nbuzz\n\n# Jets ##\n\nkerosene\n"


@pytest.mark.parametrize(
    ("word", "line", "heading"),
    [
        ("intro", 1, None),
        ("# Insects", 3, "Insects"),
        ("honey", 7, "Insects > Bees"),
        ("no heading", 10, "Insects > Bees"),
        ("more", 13, "Insects > Bees"),
        ("buzz", 17, "Insects > Flies"),
        ("kerosene", 21, "Jets"),
    ],
)
def test_a_place_in_markdown_has_a_line_and_the_headings_above_it(word, line, heading):
    """The innermost last; what stands in a block of code is no heading."""
    expected = {"line": line} | ({"heading": heading} if heading else {})
    assert find_location("/notes/a.md", "a.md", MARKDOWN, (MARKDOWN.index(word), len(MARKDOWN))) == expected


@pytest.mark.parametrize(
    ("source", "identifier", "location"),
    [
        ("/a/b.pdf", "b.pdf", {"page": 2}),
        ("/a/b.PDF.gz", "b.PDF.gz", {"page": 2}),
        ("/a/b.pptx", "b.pptx", {"slide": 2}),
        ("/a/b.odp", "b.odp", {"slide": 2}),
        ("/a/b.odt", "b.odt", {}),
        ("/a/b.xlsx", "b.xlsx#Prices:14", {"sheet": "Prices", "row": 14}),
        ("/a/b.xlsx", "b.xlsx#Q1:#2:14", {"sheet": "Q1:#2", "row": 14}),
        ("/a/b.csv", "b.csv:7", {"row": 7}),
        ("/a/b.csv", "own-id", {}),
        ("/a/b.jsonl", "b.jsonl:7", {"line": 7}),
        ("/a/b.mbox", "b.mbox#3", {"message": 3}),
        ("/a/b.txt", "b.txt", {"line": 1}),
        ("/a/b.txt", "a/b.txt:7", {"line": 7}),
        ("/a/b.md", "b.md:12", {"line": 12}),
        ("/a/b:3.txt", "b:3.txt", {"line": 1}),
        ("/a/b.txt", "own:7", {"line": 1}),
        ("/a/b.py", "b.py", {"line": 1}),
        ("/a/b.unknown", "b", {}),
        ("-", "stdin:abc", {}),
        (None, "b", {}),
    ],
)
def test_each_kind_of_file_has_places_of_its_own(source, identifier, location):
    """Pages, slides, sheets and rows, lines, messages; what is no file of a known kind has none."""
    assert find_location(source, identifier, "first\fsecond", (8, 12)) == location


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=9), min_size=1))
def test_lines_are_counted_as_editors_do(lines):
    """The place of each line's beginning has its number."""
    text, start = "\n".join(lines), 0
    for number, line in enumerate(lines, start=1):
        assert find_location("/a.txt", "a.txt", text, (start, start))["line"] == number
        start += len(line) + 1


@pytest.mark.parametrize(
    ("source", "span", "location"),
    [
        ("/a.pdf", (0, 3), {"page": 1}),
        ("/a.pdf", (0, 7), {"page": 1, "last_page": 2}),
        ("/a.pdf", (5, 12), {"page": 2, "last_page": 3}),
        ("/a.pptx", (0, 12), {"slide": 1, "last_slide": 3}),
    ],
)
def test_a_passage_over_several_pages_says_so(source, span, location):
    """It has the first and the last of them."""
    assert find_location(source, "a", "one\ftwo\fthree", span) == location


def test_hits_have_locations(tmp_path):
    """As they come out of a search: a page of a PDF, a row of a sheet, a line under its headings."""
    (tmp_path / "a.pdf").write_bytes(sample_files.pdf())
    (tmp_path / "b.xlsx").write_bytes(sample_files.sheets())
    (tmp_path / "c.md").write_text(MARKDOWN)
    collection = Collection.create(tmp_path / "notes", FakeEncoder(), CollectionSettings(unit="paragraph"))
    collection.add(Reader([tmp_path / "a.pdf", tmp_path / "b.xlsx", tmp_path / "c.md"]))

    def locate(text):
        return dict(collection.search(text, 1, mode="lexical")[0].location)

    assert locate("engines") == {"page": 2}
    assert locate("ticket") == {"sheet": "Prices", "row": 4}
    assert locate("buzz") == {"line": 17, "heading": "Insects > Flies"}


def test_a_location_is_found_when_it_is_looked_at(monkeypatch):
    """Not before; it is equal to a dictionary, and copies are one."""
    asked = []
    monkeypatch.setattr(locations, "find_location", lambda *place: asked.append(place) or {"page": 2})
    location = Location("/a.pdf", "a.pdf", "text", (0, 4))
    assert asked == []
    assert location == {"page": 2}
    assert (location["page"], len(location), repr(location)) == (2, 1, "{'page': 2}")
    assert type(copy.deepcopy(location)) is type(pickle.loads(pickle.dumps(location))) is dict  # noqa: S301 - our own
    assert len(asked) == 1
