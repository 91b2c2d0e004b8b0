"""How alike texts are: as wholes, and token by token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32, limit_cosines, unit_length
from semsearch.common.documents import Span
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder, TokenVectors

__all__ = ["Alignment", "align", "follow_word", "similarities"]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Cosines of the tokens of one text with those of another: ``cosines`` is float32[left, right]."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    cosines: Float32


def similarities(encoder: Encoder, texts: Sequence[str]) -> Float32:
    """Cosines of the texts' vectors with each other, float32[n, n]."""
    for text in texts:
        if not text.strip():
            raise QueryError("one of the texts is empty; give a word or a sentence")
    units = unit_length(encoder.encode(texts))
    return limit_cosines(units @ units.T)


def align(encoder: Encoder, left: str, right: str, layer: int = -1) -> Alignment:
    """Cosines of the contextual vectors of two texts' tokens; special tokens are read, and left out here."""
    left_tokens, left_vectors = _encode_content(encoder, left, layer)
    right_tokens, right_vectors = _encode_content(encoder, right, layer)
    cosines = limit_cosines(unit_length(left_vectors) @ unit_length(right_vectors).T)
    return Alignment(left_tokens, right_tokens, cosines)


def follow_word(encoder: Encoder, texts: Sequence[str], word: str) -> Float32:
    """Cosines of a word's vectors in several texts, float32[layers + 1, n, n]; layer 0 is the input.

    It is looked for as a whole word, in capitals or small letters, and its first place in each text is taken; the
    vector of a word of several pieces is the mean of theirs. Raises :class:`QueryError` for a text without it.
    """
    places = [_find_word(text, word, number) for number, text in enumerate(texts, 1)]
    vectors = [
        np.stack([_word_vector(encoded, place) for encoded, place in zip(layer, places, strict=True)])
        for layer in (encoder.encode_tokens(texts, number) for number in range(encoder.spec.layer_count + 1))
    ]
    units = [unit_length(rows) for rows in vectors]
    return np.stack([limit_cosines(rows @ rows.T) for rows in units])


def _find_word(text: str, word: str, number: int) -> Span:
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) if word.strip() else None
    if found is None:
        raise QueryError(f"the word {word!r} is not in text {number}, {text!r:.60}; give a word that is in all texts")
    return found.span()


def _word_vector(encoded: TokenVectors, place: Span) -> Float32:
    begin, end = place
    inside = [
        number
        for number, (start, stop) in enumerate(encoded.tokens.offsets)
        if start < end and begin < stop and stop > start
    ]
    if not inside:
        raise QueryError("the word is behind what the model reads of its text; give a shorter text")
    return np.asarray(encoded.vectors[inside].mean(axis=0), np.float32)


def _encode_content(encoder: Encoder, text: str, layer: int) -> tuple[tuple[str, ...], Float32]:
    """The tokens of a text but the special ones, and their vectors."""
    (encoded,) = encoder.encode_tokens([text], layer)
    kept = [number for number, special in enumerate(encoded.tokens.special) if not special]
    if not kept:
        raise QueryError(f"there is no token in {text!r}; give a word or a sentence")
    return tuple(encoded.tokens.tokens[number] for number in kept), encoded.vectors[kept]
