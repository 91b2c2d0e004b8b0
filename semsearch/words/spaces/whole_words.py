"""Which tokens of a vocabulary are whole words, and how a word is spelled in smaller pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from semsearch.common.errors import UnsupportedModelError
from semsearch.encoder import Encoder

__all__ = ["spell_out", "whole_words"]

CONTINUES = "##"
"""How WordPiece marks a token that goes on with a word."""
SHORTEST = 4
SPELLINGS = 8192
"""Words that are spelled out: enough for a least-squares fit, and encoded in some ten seconds."""


def whole_words(encoder: Encoder) -> dict[str, int]:
    """Words that are one token, with its id: tokens whose text, read alone, gives that token again.

    That leaves out special and unused tokens and pieces of words. Where a tokenizer has a token for a word
    with a space before it, as byte-level ones have, that is the word's. Raises for a vocabulary without words.
    """
    texts = [encoder.decode([token]) for token in range(encoder.vocabulary_size)]
    words: dict[str, int] = {}
    for token, (text, read) in enumerate(zip(texts, encoder.tokenize(texts, special=False), strict=True)):
        word = text.strip()
        if word and read.ids == (token,) and (word not in words or text != word):
            words[word] = token
    if not words:
        raise UnsupportedModelError(f"no token of model {encoder.name!r} is a whole word; choose another model")
    return words


def spell_out(encoder: Encoder, words: Mapping[str, int]) -> dict[str, Sequence[int]]:
    """A sample of one-token words as the ids of smaller pieces, as they would be if they had no token.

    Empty for tokenizers that do not mark pieces as WordPiece does.
    """
    pieces = {encoder.decode([token]): token for token in range(encoder.vocabulary_size)}
    long = [word for word in words if word.isalpha() and len(word) >= SHORTEST]
    np.random.default_rng(0).shuffle(long)
    spelled = {word: _spell(word, pieces) for word in long[:SPELLINGS]}
    return {word: ids for word, ids in spelled.items() if ids}


def _spell(word: str, pieces: Mapping[str, int]) -> Sequence[int]:
    """WordPiece's longest-match-first, forbidden to take the whole word; empty if letters are left."""
    ids: list[int] = []
    start, longest = 0, len(word) - 1
    while start < len(word):
        mark = CONTINUES if start else ""
        end = next((end for end in range(longest, start, -1) if mark + word[start:end] in pieces), start)
        if end == start:
            return []
        ids.append(pieces[mark + word[start:end]])
        start, longest = end, len(word)
    return ids
