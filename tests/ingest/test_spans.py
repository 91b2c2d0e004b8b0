"""Spans of a text: documents, paragraphs, lines and sentences."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import pytest
import sentencex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsearch.common.documents import Unit
from semsearch.ingest.spans import documents, fit, lines, paragraphs, sentences, split

UNITS = [unit for unit in Unit if unit is not Unit.WINDOW]
PIECES = [
    *"aB.!?。？ \t\n\r\"'“”«»()\0\x0b\x1c\x85\xa0\u2028\u3000\ufeff\ud83d\udc00",
    *["\r\n", "\n\n", "\r\n \r\n", "Mr. ", "A\xa0. ", "中文。", "नमस्ते। ", "😀", "👩‍👩‍👧", "e\u0301"],
]
TEXTS = st.one_of(
    st.text(st.characters()),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)


def pieces(text, spans):
    """What the spans hold."""
    return [text[start:end] for start, end in spans]


def visible(text):
    """The characters that are not whitespace."""
    return "".join(text.split())


def reference_lines(text):
    """The lines by way of one newline convention."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


@pytest.mark.parametrize("unit", UNITS)
@given(text=TEXTS)
@settings(deadline=None)
def test_spans_are_trimmed_ascending_and_side_by_side(unit, text):
    """Spans of every unit are not blank, have no space around them, and never overlap."""
    spans = split(text, unit)
    for piece in pieces(text, spans):
        assert piece
        assert piece == piece.strip()
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start
    assert all(0 <= start < end <= len(text) for start, end in spans)


@pytest.mark.parametrize("unit", UNITS)
@given(text=TEXTS)
@settings(deadline=None)
@example(text="A \ud83d lone one. \udc00 and another.")
@example(text="Le plan B\xa0. Il\u2028B\x85. fin")
def test_every_visible_character_is_in_one_span(unit, text):
    """The spans hold exactly the characters of the text that are not whitespace, in order."""
    assert visible("".join(pieces(text, split(text, unit)))) == visible(text)


@given(text=TEXTS)
@settings(deadline=None)
def test_lines_are_those_of_universal_newlines(text):
    """Lines are what is left after the three newline conventions are made one."""
    expected = [line.strip() for line in reference_lines(text)]
    assert pieces(text, lines(text)) == [line for line in expected if line]


@given(text=TEXTS)
@settings(deadline=None)
def test_paragraphs_are_the_runs_of_lines_that_are_not_blank(text):
    """A paragraph is a run of lines that are not blank, whatever the newlines."""
    runs = itertools.groupby(reference_lines(text), key=lambda line: bool(line.strip()))
    expected = ["\n".join(run).strip() for full, run in runs if full]
    assert ["\n".join(reference_lines(piece)) for piece in pieces(text, paragraphs(text))] == expected


@given(text=TEXTS)
@settings(deadline=None)
def test_no_sentence_reaches_over_a_blank_line(text):
    """Every sentence lies within one paragraph."""
    whole = paragraphs(text)
    for start, end in sentences(text):
        assert any(left <= start and end <= right for left, right in whole)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("text", ["", " ", "\r\n\r\n", "\t\x0b\x85\u2028\u3000\xa0"])
def test_a_blank_text_has_no_spans(unit, text):
    """Nothing but whitespace gives no span."""
    assert split(text, unit) == []


def test_a_document_is_the_text_without_the_space_around_it():
    """The document's one span leaves out leading and trailing whitespace and keeps the rest."""
    assert documents("\n  one\n\ntwo \n") == [(3, 11)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_paragraphs_end_at_blank_lines_in_every_newline_convention(newline):
    """One newline does not end a paragraph, and a line of spaces is blank."""
    text = newline.join(["one", "still one", "  \t", "", "two"])
    assert pieces(text, paragraphs(text)) == [f"one{newline}still one", "two"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Mr. Smith left. He ran!", "en", ["Mr. Smith left.", "He ran!"]),
        ("这是。那是？", "zh", ["这是。", "那是？"]),
        ("I saw 😀 there. Then 👩‍👩‍👧 came.", "en", ["I saw 😀 there.", "Then 👩‍👩‍👧 came."]),
        ("A nul\0here. Next one.", "en", ["A nul\0here.", "Next one."]),
        ("One\r\nline. Two.\r\n\r\nA title\r\n\r\nEnd", "en", ["One\r\nline.", "Two.", "A title", "End"]),
        ("A \ud83d here. Next \udc00 one.", "en", ["A \ud83d here.", "Next \udc00 one."]),
        ("Das ist z.B. gut. Ja.", "de", ["Das ist z.B. gut.", "Ja."]),
        ("One here. Two here.", "no-such-language", ["One here.", "Two here."]),
    ],
)
def test_sentences_of_known_texts(text, language, expected):
    """Sentences are cut where a reader would cut them, in positions of the text as given."""
    assert pieces(text, sentences(text, language)) == expected


@pytest.mark.parametrize("space", ["\xa0", "\u202f", "\u2028"])
def test_a_wide_space_before_a_period_is_read(space):
    """A no-break space between a letter and a period, as French texts have it, does not stop the segmenter."""
    text = f"Le plan est B{space}. Il sourit. Elle rit."
    assert pieces(text, sentences(text, "fr")) == [f"Le plan est B{space}. Il sourit.", "Elle rit."]


PAIRS = [
    "()",
    "[]",
    "{}",
    "<>",
    '""',
    "''",
    "``",
    "“”",
    "‘’",
    "„“",
    "«»",
    "»«",
    "‹›",
    "「」",
    "『』",
    "《》",
    "（）",
    "【】",
]
COUNTED = [f"This is sentence number {number} here." for number in range(100)]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("closed", [True, False])
def test_marks_far_apart_hold_many_sentences(pair, closed):
    """Between an opening mark and a closing one far away, or none, sentences are found as without the marks."""
    opening, closing = pair if closed else (pair[0], "")
    text = f"He said {opening}{' '.join(COUNTED)}{closing} Then he left. So did we."
    expected = [f"He said {opening}{COUNTED[0]}", *COUNTED[1:-1], COUNTED[-1] + closing, "Then he left.", "So did we."]
    assert pieces(text, sentences(text)) == expected


@pytest.mark.parametrize("pair", PAIRS)
def test_marks_near_each_other_stay_in_one_sentence(pair):
    """What is quoted or in brackets shortly stays with the sentence around it, and so does the closing mark."""
    text = f"He said {pair[0]}one word{pair[1]} and left. So did we {pair[0]}or some{pair[1]}. Then none."
    assert len(sentences(text)) == 3
    assert all(piece[0] not in pair[1] for piece in pieces(text, sentences(text)) if pair[0] != pair[1])


@pytest.mark.parametrize("marker", ["- ", "* ", "• ", "+ ", "1. ", "12) ", "(3) ", "(a) ", "b) ", "iv. ", "– "])
@pytest.mark.parametrize("items", [2, 5])
def test_what_follows_a_list_is_no_part_of_its_last_item(marker, items):
    """Each item of a list has its own sentences, and those of the text behind it are found."""
    listed = [f"{marker}Ann has brought bread number {number} today." for number in range(items)]
    text = "\n".join(["This was said.", *listed, " ".join(COUNTED)])
    assert pieces(text, sentences(text)) == ["This was said.", *listed, *COUNTED]


def test_japanese_sentences_in_far_brackets():
    """Scripts without spaces between sentences are cut within brackets, too."""
    text = "「" + "これは文です。" * 50 + "」と言った。"
    assert [len(piece) for piece in pieces(text, sentences(text, "ja"))] == [8, *[7] * 48, 8, 5]


def test_a_comparison_is_no_bracket():
    """The signs for less and more do not hold together what is between them."""
    text = " ".join(["It was x < 3 then.", *COUNTED, "It is x > 4 now."])
    assert len(sentences(text)) == 102


@given(st.integers(1, 12), st.lists(st.integers(1, 9), max_size=30), st.sampled_from([" ", "\n", "\r\n"]))
@settings(deadline=None)
def test_pieces_that_fit_are_cut_at_sentences(size, lengths, space):
    """A span with too many words is cut between sentences, into the fewest pieces; a longer sentence stays alone."""
    texts = [" ".join(["Word", *["word"] * (length - 1)]) + "." for length in lengths]
    text = "x\n" + space.join(texts)
    offsets = [(match.start() - 2, match.end() - 2) for match in re.finditer(r"\w+", text)][1:]
    found = pieces(text, fit(text, (2, len(text)), offsets, size))
    expected, counts = [], []
    for piece, length in zip(texts, lengths, strict=True):
        if expected and counts[-1] + length <= size:
            expected[-1] += space + piece
            counts[-1] += length
        else:
            expected.append(piece)
            counts.append(length)
    assert found == expected


def test_lines_are_cut_where_no_sentence_ends():
    """A list without full stops is cut between its lines, and a line longer than there is room for stays whole."""
    text = "one two three\nfour five\nsix\n" + "seven " * 9 + "\neight nine"
    offsets = [match.span() for match in re.finditer(r"\w+", text)]
    assert pieces(text, fit(text, (0, len(text)), offsets, 5)) == [
        "one two three\nfour five",
        "six",
        ("seven " * 9).strip(),
        "eight nine",
    ]


@given(TEXTS, st.integers(1, 5))
@settings(deadline=None)
def test_fitting_loses_nothing(text, size):
    """Whatever the text, the pieces hold its visible characters in order."""
    offsets = [(place, place + 1) for place in range(len(text))]
    spans = fit(text, (0, len(text)), offsets, size)
    assert visible("".join(pieces(text, spans))) == visible(text)
    assert spans == sorted(spans)


class PanicException(BaseException):
    """What a panic in Rust looks like from Python."""


def panic(*_):
    """Break down."""
    raise PanicException


def lie(_, text):
    """Give byte positions where character positions are due."""
    cut = len(text[:3].encode())
    return [{"start_index": 0, "end_index": cut, "text": text[:3]}]


@pytest.mark.parametrize("segmenter", [panic, lie])
def test_a_paragraph_that_cannot_be_segmented_stays_whole(monkeypatch, segmenter):
    """A segmenter that breaks down or returns false positions costs a paragraph its sentences, not its text."""
    monkeypatch.setattr(sentencex, "get_sentence_boundaries", segmenter)
    text = "éé bad. Two.\n\néé bad."
    assert pieces(text, sentences(text)) == ["éé bad. Two.", "éé bad."]


def test_an_interrupt_during_segmentation_is_passed_on(monkeypatch):
    """Ctrl-C is not taken for a broken paragraph."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sentencex, "get_sentence_boundaries", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sentences("One. Two.")


def test_windows_are_refused_by_split():
    """A window needs a tokenizer, which split() does not have."""
    with pytest.raises(ValueError, match="window"):
        split("text", Unit.WINDOW)


def test_importing_the_layer_loads_no_segmenter():
    """The segmenter is loaded when a sentence is first cut, not before."""
    code = "import sys, semsearch.ingest; sys.exit('sentencex' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
