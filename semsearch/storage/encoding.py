"""Passages to vectors, encoding only what has not been encoded before.

A text that the encoder has read already keeps the vector that it got, in whichever document it was, even if that is
deleted by now: a file that was moved, a line put on top, a second copy cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semsearch.common.arrays import Float32, unit_length
from semsearch.common.documents import Metric, Role
from semsearch.encoder import Encoded, Encoder
from semsearch.encoder.words import PassageWords, encode_words
from semsearch.storage.prepared import Prepared
from semsearch.storage.settings import CollectionSettings

__all__ = ["EncodedPassage", "EncodedPassages", "Known", "count_new", "encode_new", "join_encoded", "join_passages"]


@dataclass(frozen=True, slots=True)
class EncodedPassage:
    """One passage's vector, float32[dimension], its tokens that are not covered and not known, and its words.

    Here the spans of words are counted from the beginning of the passage. The model has read ``tokens`` for it, if it
    was not encoded before.
    """

    vector: Float32
    cut: int
    unknown: int
    words: PassageWords | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class EncodedPassages:
    """Vectors of passages in their order, and of the words of each, if these are to be kept."""

    pooled: Encoded
    words: list[PassageWords] | None = None


Known = Mapping[bytes, EncodedPassage]
"""What has been encoded, by the digest of what the encoder reads."""


def count_new(prepared: Sequence[Prepared], known: Known) -> int:
    """How many texts must be encoded."""
    return len({digest for document in prepared for digest in document.digests()} - known.keys())


def encode_new(
    prepared: Sequence[Prepared], settings: CollectionSettings, encoder: Encoder, known: Known
) -> dict[bytes, EncodedPassage]:
    """What is not ``known`` of the passages, encoded; a text that occurs twice is encoded once."""
    fresh = {
        digest: (text, span)
        for document in prepared
        for digest, text, span in zip(document.digests(), document.texts(), document.spans, strict=True)
        if digest not in known
    }
    if not fresh:
        return {}
    texts = [text for text, _ in fresh.values()]
    pooled = _encode_pooled(texts, settings.metric, encoder)
    words: Sequence[PassageWords | None] = [None] * len(texts)
    if settings.word_vectors:
        words = encode_words(encoder, texts, [(0, end - start) for _, (start, end) in fresh.values()])
    counts = pooled.cut.tolist(), pooled.unknown.tolist()
    passages = map(EncodedPassage, pooled.vectors, *counts, words, pooled.read.tolist())
    return dict(zip(fresh, passages, strict=True))


def join_passages(prepared: Sequence[Prepared], known: Known, settings: CollectionSettings) -> EncodedPassages:
    """The passages of documents in order, as they are stored; all of them must be ``known``."""
    passages = [known[digest] for document in prepared for digest in document.digests()]
    pooled = Encoded(
        np.stack([passage.vector for passage in passages]) if passages else np.zeros((0, 0), np.float32),
        np.array([passage.cut for passage in passages], np.int64),
        np.array([passage.unknown for passage in passages], np.int64),
        np.array([passage.tokens for passage in passages], np.int64),
    )
    if not settings.word_vectors:
        return EncodedPassages(pooled)
    starts = [start for document in prepared for start, _ in document.spans]
    words = [
        PassageWords(passage.words.spans + start, passage.words.vectors)
        for passage, start in zip(passages, starts, strict=True)
        if passage.words
    ]
    return EncodedPassages(pooled, words)


def _encode_pooled(texts: list[str], metric: Metric, encoder: Encoder) -> Encoded:
    """Vectors of texts, of length 1 if the metric is the cosine."""
    encoded = _encode_within_memory(encoder, texts)
    vectors = unit_length(encoded.vectors) if metric is Metric.COSINE else encoded.vectors
    return replace(encoded, vectors=vectors)


def _encode_within_memory(encoder: Encoder, texts: list[str]) -> Encoded:
    """Vectors of texts; where the memory does not suffice for all, one half after the other."""
    try:
        return encoder.encode_counted(texts, Role.DOCUMENT)
    except (MemoryError, RuntimeError) as error:  # torch raises a RuntimeError of its own
        if len(texts) <= 1 or not (isinstance(error, MemoryError) or "out of memory" in str(error).lower()):
            raise
    half = len(texts) // 2
    return join_encoded([_encode_within_memory(encoder, texts[:half]), _encode_within_memory(encoder, texts[half:])])


def join_encoded(parts: Sequence[Encoded]) -> Encoded:
    """The texts of several, one after the other."""
    columns = zip(*((part.vectors, part.cut, part.unknown, part.read) for part in parts), strict=True)
    return Encoded(*map(np.concatenate, columns))
