"""How alike texts are: as wholes, and token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semsearch.common.arrays import Float32, limit_cosines, unit_length
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder

__all__ = ["Alignment", "align", "similarities"]


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


def _encode_content(encoder: Encoder, text: str, layer: int) -> tuple[tuple[str, ...], Float32]:
    """The tokens of a text but the special ones, and their vectors."""
    (encoded,) = encoder.encode_tokens([text], layer)
    kept = [number for number, special in enumerate(encoded.tokens.special) if not special]
    if not kept:
        raise QueryError(f"there is no token in {text!r}; give a word or a sentence")
    return tuple(encoded.tokens.tokens[number] for number in kept), encoded.vectors[kept]
