"""Cut a text into spans: documents, paragraphs, lines, sentences.

Every function returns half-open ranges of character positions in the text as it was given, in
ascending order. The spans of a text's units have no whitespace at either end and are never blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from semsearch.common.documents import Span, Unit
from semsearch.common.unicode import replace_surrogates

__all__ = ["documents", "lines", "paragraphs", "sentences", "split"]

_NEWLINE = re.compile(r"\r\n|\r|\n")
# The groups are atomic: a "\r\n" that was matched whole must not be given back as two newlines.
_BLANK_LINES = re.compile(r"(?>\r\n|\r|\n)(?:[^\S\r\n]*(?>\r\n|\r|\n))+")
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")


def split(text: str, unit: Unit, language: str = "en") -> list[Span]:
    """Cut ``text`` into the spans of one unit; windows need a tokenizer and are refused here."""
    if unit is Unit.DOCUMENT:
        return documents(text)
    if unit is Unit.PARAGRAPH:
        return paragraphs(text)
    if unit is Unit.LINE:
        return lines(text)
    if unit is Unit.SENTENCE:
        return sentences(text, language)
    raise ValueError(f"unit {unit.value!r} needs a tokenizer's offsets; call windows() with them")


def documents(text: str) -> list[Span]:
    """The whole text as one span."""
    return _trim(text, [(0, len(text))])


def paragraphs(text: str) -> list[Span]:
    """The runs of lines between blank lines, whatever the newline convention."""
    return _trim(text, _split_between(text, _BLANK_LINES))


def lines(text: str) -> list[Span]:
    """The lines that are not blank; a line ends at ``\\n``, ``\\r\\n`` or ``\\r``."""
    return _trim(text, _split_between(text, _NEWLINE))


def sentences(text: str, language: str = "en") -> list[Span]:
    """The sentences, none of which reaches over a blank line.

    ``language`` is an ISO 639-1 code; an unknown one is cut by English rules.
    """
    # The segmenter is native code: it cannot take lone surrogates, and it slices into the
    # middle of a non-ASCII space between a single letter and a period ("B\xa0.") and panics. Both
    # are replaced one for one, so that positions hold.
    readable = replace_surrogates(_WIDE_SPACE.sub(" ", text))
    spans = (
        (start + left, start + right)
        for start, end in paragraphs(text)
        for left, right in _segment(readable[start:end], language)
    )
    return _trim(text, spans)


def _split_between(text: str, separator: re.Pattern[str]) -> list[Span]:
    """The stretches of ``text`` that the separators leave."""
    separators = [match.span() for match in separator.finditer(text)]
    starts = [0, *(end for _, end in separators)]
    ends = [*(start for start, _ in separators), len(text)]
    return list(zip(starts, ends, strict=True))


def _trim(text: str, spans: Iterable[Span]) -> list[Span]:
    """The spans without the whitespace at their ends; blank ones are dropped."""
    trimmed = []
    for start, end in spans:
        piece = text[start:end]
        left = len(piece) - len(piece.lstrip())
        right = len(piece.rstrip())
        if left < right:
            trimmed.append((start + left, start + right))
    return trimmed


def _segment(paragraph: str, language: str) -> list[Span]:
    """The sentences of one paragraph, side by side; the paragraph itself if none can be trusted."""
    sentences = _boundaries(paragraph, language)
    if any(paragraph[item["start_index"] : item["end_index"]] != item["text"] for item in sentences):
        sentences = []
    cuts = {0, len(paragraph), *(item["end_index"] for item in sentences)}
    return list(pairwise(sorted(cuts)))


def _boundaries(paragraph: str, language: str) -> list[dict[str, Any]]:
    """What the segmenter finds; nothing if it breaks down."""
    import sentencex

    try:
        return list(sentencex.get_sentence_boundaries(language, paragraph))
    except BaseException as error:
        # A panic in Rust arrives as a BaseException of a class that cannot be imported. One odd
        # paragraph must not end the reading of a whole corpus.
        if type(error).__name__ != "PanicException":
            raise
        return []
