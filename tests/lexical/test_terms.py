"""What a word is, in every script."""

from __future__ import annotations

from itertools import pairwise

import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from semsearch.lexical.stop_words import STOP_WORDS
from semsearch.lexical.terms import LONGEST_TERM, Analyzer

ENGLISH = Analyzer("en")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The cats are running", ["the", "cat", "ar", "run"]),
        ("os.path.join(a)", ["o", "path", "join", "os.path.join", "a"]),
        ("camelCase HTTPServer", ["camel", "case", "camelcase", "http", "server", "httpserver"]),
        ("C++ and C#", ["c", "c++", "and", "c", "c#"]),
        ("Python 3.11", ["python", "3", "11", "3.11"]),
        ("snake_case-name", ["snake", "case", "name", "snake_case-name"]),
        ("don't, women's", ["don", "women"]),
        ("Café ΝΈΑ", ["cafe", "νεα"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("e2e", ["e", "2", "e", "e2e"]),
        ("!!! ... —", []),
    ],
)
def test_words_become_stems_and_compounds_their_parts(text, terms):
    """Stems by Porter, without accents; compounds by their parts and as a whole."""
    found = ENGLISH.terms(text)[0]
    assert [term for term in found if term not in ("don't", "women's")] == terms


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("東京大学", ["東京", "京大", "大学"]),
        ("カーテン", ["カー", "ーテ", "テン"]),
        ("서울에서", ["서울", "울에", "에서"]),
        ("กินข้าว", ["กิน", "นข้", "ข้า", "าว"]),
        ("Python入門", ["python", "入門"]),
    ],
)
def test_scripts_without_spaces_are_indexed_by_pairs(text, pairs):
    """Two neighbours at a time, letters with their marks; a question looks for all its pairs."""
    assert set(pairs) <= set(ENGLISH.terms(text)[0])
    assert set(pairs) <= set(ENGLISH.query_terms(text))


def test_a_single_character_finds_what_it_is_in():
    """A question of one character looks for single ones, a longer one for pairs alone."""
    assert ENGLISH.query_terms("猫") == {"猫": 1}
    assert "猫" in ENGLISH.terms("黒猫がいる")[0]
    assert "猫" not in ENGLISH.query_terms("黒猫")


def test_the_length_of_a_text_counts_parts_alone():
    """Wholes and single characters are more ways to be found, not more words."""
    assert ENGLISH.terms("os.path.join")[1] == 3
    assert ENGLISH.terms("東京大学")[1] == 3
    assert ENGLISH.terms("a bee")[1] == 2


@pytest.mark.parametrize("text", ["the flight of a bee", "flight bee"])
def test_stop_words_are_not_looked_for_beside_others(text):
    """They say little; but they are what there is in a question of nothing else."""
    assert ENGLISH.query_terms(text) == {"flight": 1, "bee": 1}
    assert set(ENGLISH.query_terms("to be or not to be")) == {"to", "be", "or", "not"}


@pytest.mark.parametrize(("language", "word", "stem"), [("de", "Häuser", "haus"), ("fr", "chevaux", "cheval")])
def test_stems_are_those_of_the_language(language, word, stem):
    """By the collection's own language."""
    assert Analyzer(language).terms(word)[0] == [stem]


def test_a_language_without_stemmer_keeps_words():
    """What is written is what is found."""
    assert Analyzer("xx").terms("Running bees")[0] == ["running", "bees"]


@given(st.from_regex("[a-z]{1,12}", fullmatch=True))
def test_plain_words_are_stemmed_as_porter_does(word):
    """Against the stemmer itself; remembered or not."""
    for _ in range(2):
        assert ENGLISH.terms(word) == ([Stemmer.Stemmer("porter").stemWord(word) or word], 1)


@given(st.text(max_size=200))
def test_any_text_has_terms_of_bounded_length_and_words_where_they_stand(text):
    """Nothing is no text; spans do not overlap, and a text finds itself by its own words."""
    terms, length = ENGLISH.terms(text)
    assert 0 <= length <= len(terms)
    assert all(0 < len(term.encode("utf-8", "replace")) <= LONGEST_TERM for term in terms)
    assert set(ENGLISH.query_terms(text)) <= set(terms)
    spans = [span for span, _ in ENGLISH.words(text)]
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_stop_words_are_words():
    """In small letters, each once."""
    assert all(word == word.lower().strip() for words in STOP_WORDS.values() for word in words)


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 100_000,
        "\u0301" * 200_000,
        "x" * 1_000_000,
        "a.b" * 300_000,
        "東" * 200_000,
        "\udcff bee",
    ],
    ids=["accents", "marks", "letters", "joined", "characters", "surrogate"],
)
def test_monstrous_words_end_in_time(text):
    """Nothing takes the square of a word's length; what is no text has no term that cannot be kept."""
    terms, _ = ENGLISH.terms(text)
    assert all(term.encode("utf-8", "surrogatepass") for term in terms)
    assert ENGLISH.query_terms(text) is not None
