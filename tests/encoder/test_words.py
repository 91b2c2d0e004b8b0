"""Words put together from tokens: where they stand, and where a phrase is found among them."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsearch.encoder.tokenizer import TextTokens
from semsearch.encoder.words import word_vectors, words_of
from semsearch.storage.tables.words import pack_spans, unpack_spans
from semsearch.words.contexts.phrases import Phrase, fold_case

PIECES = st.sampled_from(
    [
        "bank",
        "Bank",
        "BANK",
        "banks",
        "bankrupt",
        "sandbank",
        "bank\u0301",
        "bänk",
        "🐝",
        "北京",
        "cafe\u0301",
        "straße",
    ]
)
GAPS = st.sampled_from([" ", "\n", ", ", "-", "… ", "\u3000", "' "])
UNHURRIED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tokens_of(pieces):
    """Tokens from (offset, begins a word)."""
    count = len(pieces)
    return TextTokens(
        ("?",) * count,
        (0,) * count,
        tuple(span for span, _ in pieces),
        (False,) * count,
        tuple(new for _, new in pieces),
    )


def written(text, words):
    """The words as they stand in the text."""
    return [text[slice(*word.span)] for word in words]


@given(st.text(st.characters(codec=None), max_size=60))
@UNHURRIED
def test_words_are_all_tokens_and_no_white_space(encoder, text):
    """Words are spans one after the other, and every token is in exactly one, except what is white space."""
    (tokens,) = encoder.tokenize([text])
    words = words_of(text, tokens)
    assert all(before.span[1] <= after.span[0] for before, after in pairwise(words))
    assert not [word for word in written(text, words) if word != word.strip()]
    inside = [number for word in words for number in range(*word.tokens)]
    assert inside == [number for number, special in enumerate(tokens.special) if not special]


@given(st.lists(st.tuples(PIECES, GAPS), max_size=12))
@UNHURRIED
def test_a_word_is_found_whole_and_whatever_its_case(encoder, parts):
    """Found are the words that are written so, and none that only contain it or that have another accent."""
    text = "".join(piece + gap for piece, gap in parts)
    (tokens,) = encoder.tokenize([text])
    spans = [word.span for word in words_of(text, tokens)]
    found = [spans[place] for place in Phrase.read("Bank", encoder).places(text, spans)]
    starts = np.cumsum([0, *(len(piece + gap) for piece, gap in parts)])
    expected = [(int(at), piece) for at, (piece, _) in zip(starts, parts, strict=False) if piece.lower() == "bank"]
    assert [(span[0], text[slice(*span)]) for (span,) in found] == expected
    assert bool(Phrase.read("Bank", encoder).matcher()(text)) >= bool(expected)


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("new york", "He left New\nYork, new york; New-York", ["New\nYork", "new york"]),
        ("don't", "I don't. DON'T!", ["don't", "DON'T"]),
        ("北京", "北京是中国的首都", ["北京"]),
        ("café", "Cafe\u0301, CAFÉ, cafe", ["Cafe\u0301", "CAFÉ"]),
        ("strasse", "Die STRASSE, die Straße", ["STRASSE", "Straße"]),
        ("a b a", "a b a b a", ["a b a", "a b a"]),
        ("snake", "snake_case snakes", ["snake"]),
    ],
)
def test_phrases(encoder, phrase, text, expected):
    """Several words, words with marks, and words in scripts without spaces are found by the tokenizer's words."""
    spans = [word.span for word in words_of(text, encoder.tokenize([text])[0])]
    asked = Phrase.read(phrase, encoder)
    assert asked.matcher()(text)
    found = [spans[place] for place in asked.places(text, spans)]
    assert [text[place[0][0] : place[-1][1]] for place in found] == expected


def test_tokens_with_spaces_before_them_and_punctuation_behind():
    """What byte-level and SentencePiece tokenizers make of a text: spaces are trimmed, punctuation is set apart."""
    text = "the bank, banks"
    tokens = tokens_of([((0, 3), True), ((3, 8), True), ((8, 9), False), ((9, 14), True), ((14, 15), False)])
    assert written(text, words_of(text, tokens)) == ["the", "bank", ",", "banks"]


def test_tokens_that_are_bytes_of_one_character():
    """Pieces with one place are one word, although nothing of it is a letter."""
    text = "a 🐝"
    words = words_of(text, tokens_of([((0, 1), True), ((1, 3), True), ((2, 3), False), ((2, 3), False)]))
    assert [(word.span, word.tokens) for word in words] == [((0, 1), (0, 1)), ((2, 3), (1, 4))]


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_folding_is_blind_to_case_and_normal_form(text):
    """A text and what becomes of it by case and by composition are one, as far as Unicode's case pairs go."""
    for form in ("NFC", "NFD"):
        assert fold_case(unicodedata.normalize(form, text)) == fold_case(text)
    assert fold_case(text.casefold()) == fold_case(text)


def test_the_vector_of_a_word_is_the_mean_of_its_pieces(encoder):
    """At length one."""
    text = "unaffable bees"
    (found,) = encoder.encode_tokens([text], 2)
    words = words_of(text, found.tokens)
    assert [re.sub("##", "", "".join(found.tokens.tokens[slice(*word.tokens)])) for word in words] == text.split()
    unaffable, bees = found.vectors[1:4].sum(axis=0), found.vectors[4]
    unaffable, bees = (one / np.linalg.norm(one) for one in (unaffable, bees))
    np.testing.assert_allclose(word_vectors(words, found), [unaffable, bees], atol=1e-6)
    assert word_vectors([], found).shape == (0, 384)


@given(st.lists(st.tuples(st.integers(0, 70_000), st.integers(1, 300)), max_size=20), st.integers(0, 1 << 40))
def test_spans_are_kept_in_few_bytes(gaps, start):
    """What is packed is unpacked, and where gaps and words are short, two bytes a word do."""
    ends = np.cumsum(np.array(gaps, np.int64).reshape(-1)) + start
    spans = ends.reshape(-1, 2)
    content = pack_spans(spans, start)
    np.testing.assert_array_equal(unpack_spans(content, start), spans)
    if all(max(gap) < 256 for gap in gaps):
        assert len(content) == 1 + 2 * len(gaps)
