"""Words of a text as the tokenizer has them, whole again: where they stand, and which tokens they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.collection import unit_length
from semsearch.types import Float32, Span, TextTokens, TokenVectors

__all__ = ["Word", "folded", "occurrences_of", "vector_of", "words_of"]

JOINER = "\u200d"
"""The zero-width joiner: what is around it is one character to its reader."""


@dataclass(frozen=True, slots=True)
class Word:
    """``span`` is where a word stands in its text, ``tokens`` which tokens it is made of."""

    span: Span
    tokens: Span


def words_of(text: str, tokens: TextTokens) -> list[Word]:
    """The words that a text's tokens are pieces of, in order, without special tokens.

    A token goes on with a word if the tokenizer says so, unless one of the two is punctuation, which some
    tokenizers leave at words. White space is no part of a word; combining marks are, though tokenizers drop them.
    """
    found: list[Word] = []
    for number, (start, end) in enumerate(tokens.offsets):
        start, end = _trimmed(text, start, end)
        if tokens.special[number] or start == end:
            continue
        if found and _goes_on(text, found[-1].span[1], start, tokens.starts[number]):
            before = found.pop()
            found.append(Word((before.span[0], max(before.span[1], end)), (before.tokens[0], number + 1)))
        else:
            found.append(Word((start, end), (number, number + 1)))
    return found


def _trimmed(text: str, start: int, end: int) -> Span:
    """Byte-level tokens have the space before a word; marks at its end belong to it."""
    while start < end and text[start].isspace():
        start += 1
    while start < end < len(text) and _is_mark(text[end]):
        end += 1
    return start, end


def _goes_on(text: str, end: int, start: int, starts: bool) -> bool:
    """Whether a token at ``start`` belongs to the word that ends at ``end``; two may be pieces of one character."""
    return start < end or (not starts and _in_words(text[end - 1]) and _in_words(text[start]))


def _in_words(character: str) -> bool:
    return character.isalnum() or _is_mark(character)


def _is_mark(character: str) -> bool:
    return character == JOINER or unicodedata.category(character).startswith("M")


def folded(text: str) -> str:
    """A text for comparing without regard to case: Unicode's canonical caseless matching (chapter 3, D145)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())


def occurrences_of(phrase: Sequence[str], text: str, words: Sequence[Word]) -> list[Sequence[Word]]:
    """Where words of a text are the words of ``phrase``, which are folded, one after the other."""
    written = [folded(text[slice(*word.span)]) for word in words]
    places = [at for at, one in enumerate(written) if one == phrase[0]]
    length = len(phrase)
    return [words[at : at + length] for at in places if written[at : at + length] == list(phrase)]


def vector_of(words: Sequence[Word], found: TokenVectors) -> Float32:
    """The direction of one or several words: float32[hidden size] of length 1.

    That of a word is the mean of its pieces' vectors, that of several words the mean of theirs at length 1.
    """
    means = [found.vectors[slice(*word.tokens)].mean(axis=0) for word in words]
    direction: Float32 = unit_length(unit_length(np.stack(means)).mean(axis=0, keepdims=True))[0]
    return direction
