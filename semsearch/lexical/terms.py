"""Texts to terms: what a word is for lexical search, in every script.

A word is indexed by its stem, without accents. One that is made of others (``os.path.join``, ``camelCase``, ``C++``,
``3.11``) is found by its parts and as a whole. Scripts without spaces between words are indexed by pairs of
neighbouring characters, and by single ones for questions of one character.
"""

from __future__ import annotations

import functools
import re
import threading
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import regex
import Stemmer

from semsearch.common.documents import Span
from semsearch.common.unicode import replace_surrogates
from semsearch.lexical.stop_words import STOP_WORDS

__all__ = ["ANALYSIS", "Analyzer", "WordTerms", "analyzer_of"]

ANALYSIS = 1
"""Version of what is made of texts here, stemmers included; a change makes the postings of all collections anew."""

_JOINERS = r".'’\-_/:@+#&"
_WORD = re.compile(rf"\w+(?:[{_JOINERS}]\w+)*(?:\+\+|#)?")
"""A word of ASCII text, with what is inside of it."""
_ANY_WORD = regex.compile(rf"[\w\p{{M}}]+(?:[{_JOINERS}][\w\p{{M}}]+)*(?:\+\+|\#)?")
"""The same in any script, whose marks belong to the letters before them."""
_PARTS = regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|[\p{Lo}\p{Lt}\p{Lm}\p{M}]+")
"""What a compound is made of: the case of letters, digits and signs end a part."""
_SPACELESS = regex.compile(
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}ー々〆][\p{M}ー々〆"
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]*)"
)
"""Scripts without spaces, and Hangul, whose words carry their particles."""
_ACCENTS = regex.compile(r"(?<=[\p{Latin}\p{Greek}]\p{M}*)\p{Mn}")
_APOSTROPHES = re.compile("['’]")

_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "porter", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Algorithms by the code of the language (Porter 1980, and https://snowballstem.org)."""
MOST_REMEMBERED = 1 << 18
"""Words whose terms are remembered; a collection has few that are frequent."""
LONGEST_REMEMBERED = 40
LONGEST_WORD = 1000
"""Characters of a word that is normalised: long runs of accents would take the square of their length."""
LONGEST_TERM = 200
"""Bytes of a term; what is longer is no word, and its parts are found."""


class WordTerms(NamedTuple):
    """The terms of a word: its ``parts``, as a ``whole`` where that is more, and ``single`` characters.

    A text is as long as it has parts. Questions look for parts and wholes, and for single characters only where
    these are all there is.
    """

    parts: tuple[str, ...]
    whole: tuple[str, ...] = ()
    single: tuple[str, ...] = ()


class Analyzer:
    """Finds the terms of texts in one language; threads may share one."""

    def __init__(self, language: str) -> None:
        self._algorithm = _STEMMERS.get(language.partition("-")[0].lower())
        self._local = threading.local()  # a stemmer serves one thread at a time
        self._known: dict[str, WordTerms] = {}
        words = STOP_WORDS.get(language, frozenset())
        self.stop_terms = frozenset({*map(self._stem, words), *words})

    def words(self, text: str) -> Iterator[tuple[Span, WordTerms]]:
        """The words of a text in their order: where each is, and its terms."""
        pattern = _WORD if text.isascii() else _ANY_WORD
        for match in pattern.finditer(text):
            yield match.span(), self._terms(match.group())

    def terms(self, text: str) -> tuple[list[str], int]:
        """All terms under which a text is found, as often as they occur, and how many of them are parts of words."""
        pattern = _WORD if text.isascii() else _ANY_WORD
        terms: list[str] = []
        others = 0
        for word in pattern.findall(text):
            parts, whole, single = self._known.get(word) or self._terms(word)
            terms += parts
            if whole or single:
                terms += whole + single
                others += len(whole) + len(single)
        return terms, len(terms) - others

    def query_terms(self, text: str) -> dict[str, int]:
        """The terms that a question looks for, with how often each occurs in it, in the order of the question.

        Stop words are looked for only if there is nothing else.
        """
        counts: dict[str, int] = {}
        for _, (parts, whole, single) in self.words(text):
            for term in (*parts, *whole) or single:
                counts[term] = counts.get(term, 0) + 1
        content = {term: count for term, count in counts.items() if term not in self.stop_terms}
        return content or counts

    def _terms(self, word: str) -> WordTerms:
        known = self._known.get(word)
        if known is None:
            known = self._analyze(word if len(word) > LONGEST_WORD else unicodedata.normalize("NFKC", word))
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            if len(word) <= LONGEST_REMEMBERED:
                self._known[word] = known
        return known

    def _analyze(self, word: str) -> WordTerms:
        if word.isascii() and word.isalpha() and (word.islower() or word[1:].islower() or word.isupper()):
            return WordTerms(self._kept([self._stem(word.lower())]))
        if not word.isascii():
            pieces = _SPACELESS.split(word)
            if len(pieces) > 1:
                return _join([self._analyze_piece(piece, at % 2 == 1) for at, piece in enumerate(pieces) if piece])
        return self._analyze_compound(word)

    def _analyze_piece(self, piece: str, is_spaceless: bool) -> WordTerms:
        if not is_spaceless:
            return self._analyze_compound(piece)
        characters = regex.findall(r"\X", piece)
        pairs = tuple(map("".join, pairwise(characters)))
        return WordTerms(pairs, (), tuple(characters)) if pairs else WordTerms((), (), tuple(characters))

    def _analyze_compound(self, word: str) -> WordTerms:
        parts = _PARTS.findall(word)
        if len(parts) > 1 and _APOSTROPHES.search(word):  # don't, women's: what is behind it says little
            parts = [part for piece in _split_apostrophes(word) for part in _PARTS.findall(piece)]
        stems = self._kept([self._stem(_fold(part.casefold())) for part in parts])
        whole = _fold(word.casefold())
        if len(parts) == 1 and parts[0] == word:
            return WordTerms(stems)
        return WordTerms(stems, self._kept([whole]) if whole not in stems else ())

    def _stem(self, word: str) -> str:
        if self._algorithm is None:
            return word
        stemmer = getattr(self._local, "stemmer", None)
        if stemmer is None:
            stemmer = self._local.stemmer = Stemmer.Stemmer(self._algorithm, 0)
        return str(stemmer.stemWord(replace_surrogates(word))) or word  # Porter's algorithm makes nothing of "s"

    def _kept(self, terms: list[str]) -> tuple[str, ...]:
        return tuple(term for term in terms if term and len(term.encode("utf-8", "replace")) <= LONGEST_TERM)


@functools.cache
def analyzer_of(language: str) -> Analyzer:
    """The analyzer of a language, which remembers the words that it has met."""
    return Analyzer(language)


def _split_apostrophes(word: str) -> list[str]:
    """The pieces of a word with apostrophes, without endings such as ``s``, ``t`` and ``ll``."""
    first, *others = _APOSTROPHES.split(word)
    return [first, *(piece for piece in others if len(piece) > 2)]


def _fold(word: str) -> str:
    """The word without accents on Latin and Greek letters, which many leave out when they type."""
    if word.isascii() or len(word) > LONGEST_WORD:
        return word
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))


def _join(terms: list[WordTerms]) -> WordTerms:
    return WordTerms(*(tuple(term for one in terms for term in one[field]) for field in range(3)))
