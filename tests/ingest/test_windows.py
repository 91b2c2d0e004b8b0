"""Windows of tokens."""

from __future__ import annotations

import itertools

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsearch.ingest.windows import windows


def tokenize(word_lengths):
    """A text, its tokens of three characters, words of so many tokens, one space between words."""
    offsets, starts_word, position = [], [], 0
    for length in word_lengths:
        for part in range(length):
            offsets.append((position, position + 3))
            starts_word.append(part == 0)
            position += 3
        position += 1
    return " ".join("abc" * length for length in word_lengths), offsets, starts_word


def tokens_in(span, offsets):
    """The numbers of the tokens that a span holds."""
    return [i for i, (start, end) in enumerate(offsets) if span[0] <= start and end <= span[1]]


WORDS = st.lists(st.integers(1, 4) | st.integers(1, 30), max_size=60)
SIZES = st.integers(1, 20).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


@given(WORDS, SIZES)
@settings(deadline=None, max_examples=300)
def test_windows_cover_every_token_and_are_never_too_long(word_lengths, sizes):
    """Every token is in a window, no window has more than ``size``, and each one goes further."""
    (size, overlap), (text, offsets, starts_word) = sizes, tokenize(word_lengths)
    spans = windows(text, offsets, starts_word, size, overlap)
    held = [tokens_in(span, offsets) for span in spans]
    assert set(itertools.chain(*held)) == set(range(len(offsets)))
    assert all(len(tokens) <= size for tokens in held)
    for before, after in itertools.pairwise(held):
        assert before[0] < after[0] <= before[-1] + 1
        assert before[-1] < after[-1]


@given(WORDS, SIZES)
@settings(deadline=None, max_examples=300)
def test_windows_begin_and_end_at_token_edges(word_lengths, sizes):
    """A span runs from the start of one token to the end of another."""
    (size, overlap), (text, offsets, starts_word) = sizes, tokenize(word_lengths)
    for start, end in windows(text, offsets, starts_word, size, overlap):
        assert start in {left for left, _ in offsets}
        assert end in {right for _, right in offsets}


@given(st.lists(st.integers(1, 5), max_size=60), st.integers(5, 20), st.integers(0, 4))
@settings(deadline=None)
def test_words_that_fit_are_never_cut(word_lengths, size, overlap):
    """Where every word fits a window, windows begin and end between words."""
    text, offsets, starts_word = tokenize(word_lengths)
    word_starts = {span[0] for span, starts in zip(offsets, starts_word, strict=True) if starts}
    word_ends = {before[1] for before, after in itertools.pairwise(offsets) if after[0] in word_starts}
    for start, end in windows(text, offsets, starts_word, size, overlap):
        assert start in word_starts
        assert end in word_ends | {offsets[-1][1]}


@given(st.integers(0, 200), SIZES)
@settings(deadline=None)
def test_words_of_one_token_give_the_textbook_windows(count, sizes):
    """With a word a token, windows step by size less overlap, as in the definition."""
    size, overlap = sizes
    text, offsets, starts_word = tokenize([1] * count)
    expected, start = [], 0
    while start < count:
        expected.append((offsets[start][0], offsets[min(start + size, count) - 1][1]))
        if start + size >= count:
            break
        start += size - overlap
    assert windows(text, offsets, starts_word, size, overlap) == expected


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.booleans()), max_size=60),
    SIZES,
)
@settings(deadline=None, max_examples=300)
def test_windows_of_any_offsets_are_valid_and_lose_nothing(tokens, sizes):
    """Offsets without width or out of order still give ascending spans that hold every character."""
    offsets = [(start, start + width) for start, width, _ in tokens]
    spans = windows("x" * 46, offsets, [starts for *_, starts in tokens], *sizes)
    assert all(start < end for start, end in spans)
    for before, after in itertools.pairwise(spans):
        assert before[0] < after[0]
        assert before[1] < after[1]
    covered = set(itertools.chain(*(range(*span) for span in spans)))
    assert covered >= set(itertools.chain(*(range(*offset) for offset in offsets)))


TEXTS = st.text(st.characters(), max_size=80) | st.text("a \n\0。中😀\ud83d\udc00é", max_size=80)


@example("0\U0001f3fb", (1, 0))
@given(TEXTS, SIZES)
@settings(deadline=None)
def test_windows_of_any_text_hold_its_visible_characters(text, sizes):
    """With a token a visible character, the windows hold all of them, at most ``size`` each, or one that is longer."""
    offsets = [(i, i + 1) for i, character in enumerate(text) if not character.isspace()]
    starts_word = [start == 0 or text[start - 1].isspace() for start, _ in offsets]
    spans = windows(text, offsets, starts_word, *sizes)
    for start, end in spans:
        is_one = len(regex.findall(r"\X", text[start:end])) == 1  # what a reader sees as one character is not cut
        assert is_one or len("".join(text[start:end].split())) <= sizes[0]
    assert {i for span in spans for i in range(*span)} >= {start for start, _ in offsets}


CLUSTERS = [
    *("e\u0301", "👩‍👩‍👧", "🇩🇪", "क्षि", "ก็", "각", "\u1112\u1161\u11ab", "👍🏽", "❤️", "நி", "\u200d", "\u200b", "\r\n"),
    *("a", "中", " ", " \u0301", "\0", ".", "x" + 7 * "\u0323"),
]
CLUSTERED = st.lists(st.sampled_from(CLUSTERS), max_size=30).map("".join)


def tokenize_anyhow(text, lengths):
    """Tokens of these numbers of characters, 0 for a character that no token stands for; a word each."""
    offsets, position = [], 0
    for length in lengths:
        if length and (piece := text[position : position + length]).strip():
            offsets.append((position, position + len(piece)))
        position += length or 1
    return offsets


@given(CLUSTERED, st.lists(st.integers(0, 3), max_size=80), SIZES, st.booleans())
@settings(deadline=None, max_examples=500)
def test_windows_hold_whole_characters_and_all_of_them(text, lengths, sizes, words):
    """Whatever the tokens, each cluster that is not blank is whole in a window, and no window cuts one."""
    offsets = tokenize_anyhow(text, lengths)
    spans = windows(text, offsets, [words] * len(offsets), *sizes)
    clusters = [match.span() for match in regex.finditer(r"\X", text)]
    edges = {0, len(text), *(start for start, _ in clusters)}
    assert all(start in edges and end in edges for start, end in spans)
    assert spans == sorted(spans)
    if offsets:
        visible = {place for place, character in enumerate(text) if not character.isspace()}
        assert visible <= set(itertools.chain(*(range(*span) for span in spans)))


@given(CLUSTERED, SIZES)
@settings(deadline=None, max_examples=500)
def test_windows_fit_wherever_they_can_be_cut(text, sizes):
    """With a token a character that is not blank, only a cluster that is longer than a window makes one too long."""
    offsets = [(i, i + 1) for i, character in enumerate(text) if not character.isspace()]
    for start, end in windows(text, offsets, [True] * len(offsets), *sizes):
        counts = [len("".join(cluster.split())) for cluster in regex.findall(r"\X", text[start:end])]
        assert sum(counts) <= sizes[0] or sum(map(bool, counts)) == 1


def test_a_word_longer_than_a_window_is_cut_inside():
    """A word of ten tokens in windows of four begins in the window that has room and is cut by tokens."""
    text, offsets, starts_word = tokenize([1, 10, 1])
    held = [tokens_in(span, offsets) for span in windows(text, offsets, starts_word, 4, 1)]
    assert held == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [9, 10, 11]]


def test_the_overlap_grows_or_shrinks_to_whole_words():
    """With words of three tokens an overlap of two becomes one of three."""
    text, offsets, starts_word = tokenize([3, 3, 3])
    held = [tokens_in(span, offsets) for span in windows(text, offsets, starts_word, 6, 2)]
    assert held == [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]]


def test_tokens_of_one_character_give_one_span():
    """Four byte tokens that share the offsets of one emoji do not become four equal passages."""
    assert windows("😀", [(0, 1)] * 4, [True, False, False, False], 1, 0) == [(0, 1)]


@pytest.mark.parametrize(
    "offsets", [[(3, 5), (5, 7), (0, 0)], [(9, 9), (3, 5), (5, 7)], [(3, 5), (4, 7), (8, 8)], [(4, 7), (3, 5)]]
)
def test_tokens_without_width_do_not_stretch_a_span(offsets):
    """A span runs over what the tokens of some width hold, in whatever order, and no further."""
    assert windows("   abcd  ", offsets, [True] * len(offsets), 3, 0) == [(3, 7)]


def test_tokens_without_width_give_no_span():
    """A window that holds no character is no passage."""
    assert windows("     ", [(5, 5), (0, 0)], [True, True], 1, 0) == []


def test_no_tokens_give_no_windows():
    """A text without content tokens has no window."""
    assert windows("text", [], [], 8, 2) == []


@pytest.mark.parametrize(("size", "overlap"), [(4, 4), (4, 5), (4, -1), (0, 0)])
def test_an_overlap_that_would_not_progress_is_refused(size, overlap):
    """The overlap must be at least 0 and less than the size."""
    with pytest.raises(ValueError, match="overlap"):
        windows("a", [(0, 1)], [True], size, overlap)


def test_word_starts_that_do_not_match_the_tokens_are_refused():
    """Offsets and word starts must be equally many."""
    with pytest.raises(ValueError, match="2 offsets but 1"):
        windows("ab", [(0, 1), (1, 2)], [True], 4, 0)
