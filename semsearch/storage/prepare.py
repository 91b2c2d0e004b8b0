"""Documents to passages: the spans that get one vector each, the texts that the encoder reads, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import unit_length
from semsearch.common.documents import Document, Metric, Role, Span, Unit
from semsearch.encoder import Encoded, Encoder
from semsearch.encoder.words import PassageWords, encode_words
from semsearch.ingest.spans import fit, split
from semsearch.ingest.windows import windows
from semsearch.storage.settings import CollectionSettings

__all__ = ["EncodedPassages", "Prepared", "encode_prepared", "prepare", "read_text"]

SPARE = 2
"""Tokens left free in a window: cut out of its text, a window may have one more token at each edge."""
OVERLAP_SHARE = 8


@dataclass(frozen=True, slots=True)
class EncodedPassages:
    """Vectors of passages, and of the words of each, if these are to be kept."""

    pooled: Encoded
    words: list[PassageWords] | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document and the spans of its passages."""

    document: Document
    spans: tuple[Span, ...]

    def texts(self) -> list[str]:
        """What the encoder reads for each passage."""
        return [read_text(self.document, span) for span in self.spans]


def read_text(document: Document, span: Span) -> str:
    """What the encoder reads for a passage: the title, if there is one, and the passage."""
    start, end = span
    before = f"{document.title} " if document.title else ""
    return before + document.text[start:end]


def prepare(documents: Sequence[Document], settings: CollectionSettings, encoder: Encoder) -> list[Prepared]:
    """Split documents by the collection's unit; a blank document has no passage.

    A sentence, a line or a paragraph that is longer than the model reads is cut further, if there is a place for it.
    """
    if settings.unit is Unit.WINDOW:
        spans_of = _split_windows(documents, settings, encoder)
    else:
        spans_of = [split(document.text, settings.unit, settings.language) for document in documents]
    if settings.unit not in (Unit.WINDOW, Unit.DOCUMENT):
        spans_of = _cut_long(documents, spans_of, settings.language, encoder)
    return [Prepared(document, tuple(spans)) for document, spans in zip(documents, spans_of, strict=True)]


def encode_prepared(prepared: Sequence[Prepared], settings: CollectionSettings, encoder: Encoder) -> EncodedPassages:
    """Vectors of all passages in order, as they are stored, and of their words if they are to be kept."""
    texts = [text for document in prepared for text in document.texts()]
    pooled = _encode_pooled(texts, settings.metric, encoder)
    if not settings.word_vectors:
        return EncodedPassages(pooled)
    return EncodedPassages(
        pooled, encode_words(encoder, texts, [span for document in prepared for span in document.spans])
    )


def _split_windows(documents: Sequence[Document], settings: CollectionSettings, encoder: Encoder) -> list[list[Span]]:
    spans = [split(document.text, Unit.DOCUMENT) for document in documents]
    rooms = [_room(document, encoder) for document in documents]
    sizes = [min(settings.window or room, room) for room in rooms]
    # A token stands for at least one byte, so that a text of few bytes is one window: no need to tokenize.
    long = [
        number
        for number, (document, size) in enumerate(zip(documents, sizes, strict=True))
        if not _is_surely_short(document.text, size)
    ]
    tokens = encoder.content_offsets([documents[number].text for number in long])
    for number, (offsets, starts_word) in zip(long, tokens, strict=True):
        size = sizes[number]
        overlap = size // OVERLAP_SHARE if settings.overlap is None else min(settings.overlap, size - 1)
        text = documents[number].text
        spans[number] = windows(text, offsets, starts_word, size, overlap) or spans[number]  # no tokens: one window
    return spans


def _cut_long(
    documents: Sequence[Document], spans_of: Sequence[list[Span]], language: str, encoder: Encoder
) -> list[list[Span]]:
    """The spans, and in the place of those with more tokens than the model reads their pieces."""
    long = [
        (number, span)
        for number, (document, spans) in enumerate(zip(documents, spans_of, strict=True))
        for span in spans
        if not _is_surely_short(document.text[slice(*span)], _sure_room(document, encoder))
    ]
    rooms = {number: _room(documents[number], encoder) for number, _ in long}
    tokens = encoder.content_offsets([documents[number].text[slice(*span)] for number, span in long])
    pieces = {
        (number, span): fit(documents[number].text, span, offsets, rooms[number], language)
        for (number, span), (offsets, _) in zip(long, tokens, strict=True)
        if len(offsets) > rooms[number]
    }
    return [
        [piece for span in spans for piece in pieces.get((number, span), [span])]
        for number, spans in enumerate(spans_of)
    ]


def _is_surely_short(text: str, size: int) -> bool:
    return len(text) <= size and len(text.encode("utf-8", "replace")) <= size


def _room(document: Document, encoder: Encoder) -> int:
    """Tokens that are left for a passage beside the special tokens, the prompt and the title.

    A title may take half of the model's length at most; what a longer one loses is counted as cut.
    """
    before = _text_before(document, encoder)
    return _room_beside(len(encoder.content_offsets([before])[0][0]) if before else 0, encoder)


def _sure_room(document: Document, encoder: Encoder) -> int:
    """Tokens that are left at least; known without tokenizing the title, of which every token has a byte."""
    return _room_beside(len(_text_before(document, encoder).encode("utf-8", "replace")), encoder)


def _text_before(document: Document, encoder: Encoder) -> str:
    return encoder.spec.document_prompt + (document.title or "")


def _room_beside(used: int, encoder: Encoder) -> int:
    limit = encoder.max_seq_length - encoder.special_count - SPARE
    return max(limit - used, limit // 2, 1)


def _encode_pooled(texts: list[str], metric: Metric, encoder: Encoder) -> Encoded:
    """Vectors of texts, of length 1 if the metric is the cosine; a text that occurs twice is encoded once."""
    if not texts:
        return Encoded(np.zeros((0, encoder.dimension), np.float32), np.zeros(0, np.int64))
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    encoded = _encode_within_memory(encoder, list(places))
    order = [places[text] for text in texts]
    vectors = unit_length(encoded.vectors) if metric is Metric.COSINE else encoded.vectors
    return Encoded(vectors[order], encoded.cut[order])


def _encode_within_memory(encoder: Encoder, texts: list[str]) -> Encoded:
    """Vectors of texts; where the memory does not suffice for all, one half after the other."""
    try:
        return encoder.encode_counted(texts, Role.DOCUMENT)
    except (MemoryError, RuntimeError) as error:  # torch raises a RuntimeError of its own
        if len(texts) == 1 or not (isinstance(error, MemoryError) or "out of memory" in str(error).lower()):
            raise
    half = len(texts) // 2
    first, second = _encode_within_memory(encoder, texts[:half]), _encode_within_memory(encoder, texts[half:])
    return Encoded(np.concatenate([first.vectors, second.vectors]), np.concatenate([first.cut, second.cut]))
