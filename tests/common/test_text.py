"""Text made fit to be stored or printed, and what somebody may have meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.common.arguments import check_k, refuse_single
from semsearch.common.documents import Document
from semsearch.common.errors import InputError, QueryError
from semsearch.common.suggestions import MOST_COMPARED, nearest_spellings, suggest
from semsearch.common.unicode import one_line, replace_surrogates

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_any_text_can_be_stored(text):
    """It is as long as before, can be written as UTF-8, and differs in lone surrogates alone."""
    stored = replace_surrogates(text)
    assert len(stored) == len(text)
    stored.encode("utf-8")
    assert all(new == old or "\ud800" <= old <= "\udfff" for new, old in zip(stored, text, strict=True))


@given(ANY)
def test_any_text_fits_a_line(text):
    """Nothing in it steers a terminal or ends the line, and words are kept."""
    line = one_line(text)
    assert line == " ".join(line.split())
    assert not any(character in line for character in "\n\r\x1b\x9b\u2028\u202e")
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nots", "did you mean 'notes'?"), ("NOTES", "did you mean 'notes'?"), ("zebra", "make one")],
)
def test_a_name_is_suggested_or_not(name, expected):
    """The nearest spelling, whatever its case; else the advice that is given."""
    assert suggest(name, ["garden", "notes", "log"], "make one") == expected


def test_several_names_are_suggested_most_alike_first():
    """As many as are wanted."""
    names = ["wing", "wings", "winging", "bee"]
    assert suggest("wingss", names, "", count=2) == "did you mean 'wings' or 'wing'?"


def test_of_very_many_names_those_that_look_alike_are_compared():
    """A slip of the pen is still found among a hundred thousand names."""
    names = [f"{number * 7919:x}" for number in range(5 * MOST_COMPARED)]
    assert nearest_spellings("noteboook", [*names, "notebook"]) == ["notebook"]


@pytest.mark.parametrize("k", [0, -1, True, 1.0, "3", None])
def test_a_number_of_results_is_a_whole_number_from_one(k):
    """Anything else is refused with what was given."""
    with pytest.raises(QueryError, match="ask for at least 1"):
        check_k(k)


@pytest.mark.parametrize(("value", "kind"), [("text", "string"), (b"text", "string"), (Document("text"), "document")])
def test_a_single_one_in_place_of_several(value, kind):
    """It is refused, and the message says how to give it."""
    with pytest.raises(InputError, match=rf"documents is one {kind}.*put it in a list: \["):
        refuse_single(value, "documents")
