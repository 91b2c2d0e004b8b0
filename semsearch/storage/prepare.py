"""Documents to passages: the spans that get one vector each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from semsearch.common.arrays import unit_length
from semsearch.common.documents import Document, Metric, Span, Unit
from semsearch.common.errors import InputError
from semsearch.common.given_vectors import check_vectors
from semsearch.encoder import Encoder
from semsearch.ingest.spans import fit, split
from semsearch.ingest.structure import find_parts
from semsearch.ingest.windows import windows
from semsearch.storage.prepared import Prepared
from semsearch.storage.settings import CollectionSettings

__all__ = ["prepare"]

SPARE = 2
"""Tokens left free in a window: cut out of its text, a window may have one more token at each edge."""
OVERLAP_SHARE = 8


def prepare(documents: Sequence[Document], settings: CollectionSettings, encoder: Encoder) -> list[Prepared]:
    """Split documents by the collection's unit; a document without any token has no passage.

    One that is a title alone has a passage of no characters. A sentence, a line or a paragraph that is longer than the
    model reads is cut further, if there is a place for it. A document that brings its vector along is one passage.

    Raises :class:`InputError` for a vector that does not fit.
    """
    given = [document for document in documents if document.vector is not None]
    if given:
        others = [document for document in documents if document.vector is None]
        return prepare(others, settings, encoder) + _prepare_given(given, settings, encoder)
    if settings.unit is Unit.WINDOW:
        spans_of = _split_windows(documents, settings, encoder)
    else:
        spans_of = [split(document.text, settings.unit, settings.language) for document in documents]
    if settings.unit not in (Unit.WINDOW, Unit.DOCUMENT):
        spans_of = _cut_long(documents, spans_of, settings.language, encoder)
    prepared = [
        Prepared(document, tuple(spans or [(0, 0)])) for document, spans in zip(documents, spans_of, strict=True)
    ]
    return _drop_without_token(prepared, encoder)


def _prepare_given(documents: Sequence[Document], settings: CollectionSettings, encoder: Encoder) -> list[Prepared]:
    """Documents as one passage each, with the vectors that they brought along."""
    prepared = []
    for document in documents:
        if settings.word_vectors:
            raise InputError(f"document {document.id!r} brings a vector along, but the collection keeps words as well")
        try:
            vectors = check_vectors(document.vector, encoder.dimension, settings.metric)  # type: ignore[arg-type]
        except InputError as error:
            raise InputError(f"the vector of document {document.id!r}: {error}") from None
        if settings.metric is Metric.COSINE:
            vectors = unit_length(vectors)
        spans = split(document.text, Unit.DOCUMENT) or [(0, 0)]
        prepared.append(Prepared(replace(document, vector=None), tuple(spans), vectors[0]))
    return _drop_without_token(prepared, encoder)


def _drop_without_token(prepared: Sequence[Prepared], encoder: Encoder) -> list[Prepared]:
    """The documents without the passages in which the tokenizer finds nothing: these would be near to everything."""
    doubtful = {text for document in prepared for text in document.texts() if not any(map(str.isalnum, text))}
    tokens = encoder.content_offsets(list(doubtful))
    without = {text for text, (offsets, _) in zip(doubtful, tokens, strict=True) if not offsets}
    if not without:
        return list(prepared)
    return [
        replace(
            document,
            spans=tuple(
                span for span, text in zip(document.spans, document.texts(), strict=True) if text not in without
            ),
        )
        for document in prepared
    ]


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
        parts = find_parts(text, documents[number].source)
        spans[number] = windows(text, offsets, starts_word, size, overlap, parts) or spans[number]  # none: no tokens
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
