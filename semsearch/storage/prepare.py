"""Documents to passages: the spans that get one vector each, and the texts that the encoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semsearch.common.documents import Document, Span, Unit
from semsearch.encoder import Encoded, Encoder
from semsearch.encoder.words import PassageWords
from semsearch.ingest import split, windows
from semsearch.storage.settings import CollectionSettings

__all__ = ["EncodedPassages", "Prepared", "prepare", "read_text"]

SPARE = 2
"""Tokens left free in a window: at its edges a text may tokenize to one more than in the whole."""
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
    """Split documents by the collection's unit; a blank document has no passage."""
    if settings.unit is Unit.WINDOW:
        spans = _windows(documents, settings, encoder)
    else:
        spans = [split(document.text, settings.unit, settings.language) for document in documents]
    return [Prepared(document, tuple(found)) for document, found in zip(documents, spans, strict=True)]


def _windows(documents: Sequence[Document], settings: CollectionSettings, encoder: Encoder) -> list[list[Span]]:
    spans = [split(document.text, Unit.DOCUMENT) for document in documents]
    rooms = [_room(document, encoder) for document in documents]
    sizes = [min(settings.window or room, room) for room in rooms]
    # A token stands for at least one byte, so that a text of few bytes is one window: no need to tokenize.
    long = [
        number
        for number, (document, size) in enumerate(zip(documents, sizes, strict=True))
        if not _fits(document, size)
    ]
    tokens = encoder.content_offsets([documents[number].text for number in long])
    for number, (offsets, starts_word) in zip(long, tokens, strict=True):
        size = sizes[number]
        overlap = size // OVERLAP_SHARE if settings.overlap is None else min(settings.overlap, size - 1)
        spans[number] = windows(offsets, starts_word, size, overlap) or spans[number]  # no tokens: one window
    return spans


def _fits(document: Document, size: int) -> bool:
    return len(document.text) <= size and len(document.text.encode("utf-8", "replace")) <= size


def _room(document: Document, encoder: Encoder) -> int:
    """Tokens that are left for a passage beside the special tokens, the prompt and the title.

    A title may take half of the model's length at most; what a longer one loses is counted as cut.
    """
    limit = encoder.max_seq_length - encoder.special_count - SPARE
    before = encoder.spec.document_prompt + (document.title or "")
    used = len(encoder.content_offsets([before])[0][0]) if before else 0
    return max(limit - used, limit // 2, 1)
