"""Words of a text as the tokenizer has them, whole again: where they stand, and their vectors."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Span
from semsearch.encoder import Encoder
from semsearch.encoder.encoder import TokenVectors
from semsearch.encoder.tokenizer import TextTokens

__all__ = [
    "LAYER",
    "PassageWords",
    "Word",
    "encode_words",
    "word_vectors",
    "words_of",
]

LAYER = -1
"""The hidden layer that ranks a word's occurrences best by sense; docs/decisions/ has the measurements.

Collections keep vectors of this layer: whoever changes it raises the format, with a migration that encodes again.
"""
BATCH = 128
"""Texts whose token vectors are in memory at a time."""
JOINER = "\u200d"
"""The zero-width joiner: what is around it is one character to its reader."""


@dataclass(frozen=True, slots=True)
class Word:
    """``span`` is where a word stands in its text, ``tokens`` which tokens it is made of."""

    span: Span
    tokens: Span


@dataclass(frozen=True, slots=True)
class PassageWords:
    """The words of a passage: spans in its document's text, int64[n, 2], and directions, float32[n, hidden size]."""

    spans: Int64
    vectors: Float32


def words_of(text: str, tokens: TextTokens) -> list[Word]:
    """The words that a text's tokens are pieces of, in order, without special tokens.

    A token goes on with a word if the tokenizer says so, unless one of the two is punctuation, which some
    tokenizers leave at words. White space is no part of a word; combining marks are, though tokenizers drop them.
    """
    words: list[Word] = []
    for number, (start, end) in enumerate(tokens.offsets):
        start, end = _trim_word(text, start, end)
        if tokens.special[number] or start == end:
            continue
        if words and _goes_on(text, words[-1].span[1], start, tokens.starts[number]):
            before = words.pop()
            words.append(Word((before.span[0], max(before.span[1], end)), (before.tokens[0], number + 1)))
        else:
            words.append(Word((start, end), (number, number + 1)))
    return words


def word_vectors(words: Sequence[Word], encoded: TokenVectors) -> Float32:
    """The direction of each word, float32[words, hidden size]: the mean of its pieces' vectors at length 1."""
    means = [encoded.vectors[slice(*word.tokens)].mean(axis=0) for word in words]
    return unit_length(np.stack(means)) if means else np.empty((0, encoded.vectors.shape[1]), np.float32)


def encode_words(encoder: Encoder, texts: Sequence[str], passages: Sequence[Span]) -> list[PassageWords]:
    """The words of passages. Each text is what the encoder reads, and ends with its passage, a span of a document.

    Words that do not fit the model have no vector, and words before the passage, in its title, do not count.
    """
    return [
        _passage_words(text, span, encoded)
        for first in range(0, len(texts), BATCH)
        for text, span, encoded in zip(
            texts[first : first + BATCH],
            passages[first : first + BATCH],
            encoder.encode_tokens_counted(texts[first : first + BATCH], LAYER)[0],
            strict=True,
        )
    ]


def _passage_words(text: str, passage: Span, encoded: TokenVectors) -> PassageWords:
    title = len(text) - (passage[1] - passage[0])  # it stands before the passage
    words = [word for word in words_of(text, encoded.tokens) if word.span[0] >= title]
    spans = np.array([word.span for word in words], np.int64).reshape(-1, 2) + (passage[0] - title)
    return PassageWords(spans, word_vectors(words, encoded))


def _trim_word(text: str, start: int, end: int) -> Span:
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
