"""Where the vectors of words come from: the input embeddings, a hidden layer, or the whole encoder.

A word is given as its token ids. A word of several pieces has the mean of their vectors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder

__all__ = ["WholeEncoder", "Layers", "Source", "Static", "open_source"]

LAYERS = re.compile(r"layer:(-?\d+(?:,-?\d+)*)")

Ids = Sequence[int]
"""Of one word; there is at least one."""


@dataclass(frozen=True, slots=True)
class Static:
    """The input embeddings: what a token is before it meets its context."""

    table: Float32
    name: str = "static"

    def vectors(self, words: Sequence[Ids]) -> Float32:
        """Mean of the words' rows of the table, float32[len(words), d]."""
        return np.stack([self.table[list(ids)].mean(axis=0) for ids in words])


@dataclass(frozen=True, slots=True)
class Layers:
    """A hidden layer, or the mean of several, of the word alone between the special tokens."""

    encoder: Encoder
    layers: tuple[int, ...]
    name: str

    def vectors(self, words: Sequence[Ids]) -> Float32:
        """Mean over the words' pieces, float32[len(words), d]; special tokens are read but do not count."""
        before, after = self.encoder.special_ids
        states = self.encoder.encode_ids([(*before, *ids, *after) for ids in words], self.layers)
        first = len(before)
        return np.stack(
            [state[first : first + len(ids)].mean(axis=0) for state, ids in zip(states, words, strict=True)]
        )


@dataclass(frozen=True, slots=True)
class WholeEncoder:
    """The whole encoder: the word as a text, pooled as every text is."""

    encoder: Encoder
    name: str = "encoded"

    def vectors(self, words: Sequence[Ids]) -> Float32:
        """Pooled vectors of the words' texts, float32[len(words), d]."""
        return self.encoder.encode([self.encoder.decode(ids) for ids in words])


Source = Static | Layers | WholeEncoder


def open_source(encoder: Encoder, name: str) -> Source:
    """The source of a name: ``static``, ``layer:N``, ``layer:N,M…`` for a mean, or ``encoded``."""
    if name == "static":
        return Static(encoder.static_vectors())
    if name == "encoded":
        return WholeEncoder(encoder)
    if match := LAYERS.fullmatch(name):
        layers = encoder.check_layers(tuple(map(int, match[1].split(","))))
        return Layers(encoder, layers, f"layer:{','.join(map(str, layers))}")
    raise QueryError(f"unknown space {name!r}; choose static, layer:N (0 is the input), or encoded")
