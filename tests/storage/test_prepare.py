"""Documents to passages: none is longer than the model reads if it could be cut, and no character is left out."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.documents import Document, Unit
from semsearch.storage.prepare import prepare
from semsearch.storage.settings import CollectionSettings
from tests.support.fake_encoder import TOKEN, FakeEncoder

WORDS = st.sampled_from(
    [
        "bee",
        "wings",
        "Heron.",
        "fly!",
        "\n",
        "\n\n",
        "- a",
        "(see",
        "now).",
        "\0",
        "中文。",
        "👩‍👩‍👧",
        "\u200b",
        "\r\n",
        "e\u0301",
    ]
)
TEXTS = st.lists(WORDS, max_size=200).map(" ".join)


def passages(text, unit, title=None, encoder=None):
    """The spans of a document's passages."""
    (prepared,) = prepare([Document(text, title=title)], CollectionSettings(unit=unit), encoder or FakeEncoder())
    return prepared.spans


@pytest.mark.parametrize("unit", list(Unit))
@given(text=TEXTS, title=st.sampled_from([None, "bee", "a title of seven words and more", "t " * 60]))
@settings(deadline=None)
def test_every_visible_character_is_in_a_passage(unit, text, title):
    """Whatever the unit, passages hold all characters that are not white space, in order; but those without a token."""
    spans = passages(text, unit, title)
    covered = {place for span in spans for place in range(*span)}
    visible = {place for place, character in enumerate(text) if not character.isspace()}
    if title is None:
        visible = {place for place in visible if FakeEncoder().content_offsets([text[place]])[0][0]}
    assert visible <= covered
    assert list(spans) == sorted(spans)


@given(text=TEXTS)
@settings(deadline=None)
def test_windows_of_texts_cut_no_character(text):
    """No window begins or ends within what a reader sees as one character."""
    edges = {0, len(text), *(match.start() for match in regex.finditer(r"\X", text))}
    assert {edge for span in passages(text, Unit.WINDOW) for edge in span} <= edges


@pytest.mark.parametrize("unit", [Unit.SENTENCE, Unit.LINE, Unit.PARAGRAPH, Unit.WINDOW])
@pytest.mark.parametrize("title", [None, "a short title", "t " * 60])
@pytest.mark.parametrize("marks", ["", "()", "“”"])
def test_passages_fit_the_model(unit, title, marks):
    """Of a long text with places to cut it, every passage and its title are read whole, or half is left for it."""
    sentences = " ".join(f"The bee {number} has wings." for number in range(200))
    text = f"{marks[:1]}{sentences}{marks[1:]}"
    encoder = FakeEncoder(max_seq_length=32)
    room = 32 - 2 - min(len(TOKEN.findall(title or "")), 14)
    spans = passages(text, unit, title, encoder)
    assert max(len(TOKEN.findall(text[slice(*span)])) for span in spans) <= room


def test_a_title_takes_room_from_short_passages():
    """A paragraph of few bytes is too long beside a long title, and is cut."""
    text = "Go!!! Do!!! Be!!! We!!! Me."
    assert len(passages(text, Unit.PARAGRAPH)) == 1
    assert len(passages(text, Unit.PARAGRAPH, "t " * 60)) == 2


def test_a_document_stays_whole():
    """The unit that is the whole document is never cut; what the model does not read is counted elsewhere."""
    text = "The bee has wings. " * 99
    assert passages(text, Unit.DOCUMENT) == ((0, len(text) - 1),)


def test_a_sentence_that_cannot_be_cut_stays_whole():
    """Without an end of a sentence or a line there is no place to cut."""
    text = "bee " * 99
    assert passages(text, Unit.SENTENCE) == ((0, len(text) - 1),)


def test_short_spans_are_not_tokenized():
    """What has fewer bytes than the model reads tokens needs no count of its tokens."""
    encoder = FakeEncoder()
    encoder.content_offsets = lambda texts: [] if not texts else pytest.fail(f"tokenized {texts}")
    assert len(passages("A bee has wings.\nSo has a heron.\n", Unit.LINE, "fly", encoder)) == 2
