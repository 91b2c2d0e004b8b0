"""Cut a text into spans: documents, paragraphs, lines, sentences.

Every function returns half-open ranges of character positions in the text as it was given, in
ascending order. The spans of a text's units have no whitespace at either end and are never blank.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from semsearch.common.documents import Span, Unit
from semsearch.common.unicode import replace_surrogates
from semsearch.ingest.sentences import find_sentence_ends, find_sentences

__all__ = ["documents", "fit", "lines", "paragraphs", "sentences", "split"]

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
    readable = _make_readable(text)
    spans = (
        (start + left, start + right)
        for start, end in paragraphs(text)
        for left, right in find_sentences(readable[start:end], language)
    )
    return _trim(text, spans)


def fit(text: str, span: Span, offsets: Sequence[Span], size: int, language: str = "en") -> list[Span]:
    """Cut a span of more than ``size`` tokens where a sentence ends in it, else where a line does.

    ``offsets`` are those of its tokens, counted from where it starts. The pieces are as long as they may be; what has
    no such place in it stays longer.
    """
    piece = text[slice(*span)]
    starts = sorted(start for start, end in offsets if end > start)
    sentence_ends = find_sentence_ends(_make_readable(piece), language)
    ends = sorted({*sentence_ends, *(match.start() for match in _NEWLINE.finditer(piece)), len(piece)})
    cuts = [0]
    while (first := bisect_left(starts, cuts[-1])) + size < len(starts):
        cut = _last_between(sentence_ends, cuts[-1], starts[first + size])
        cut = cut or _last_between(ends, cuts[-1], starts[first + size])
        cut = cut or ends[bisect_right(ends, cuts[-1])]
        cuts.append(cut)
    return _trim(text, [(span[0] + start, span[0] + end) for start, end in pairwise([*cuts, len(piece)])])


def _last_between(places: Sequence[int], after: int, limit: int) -> int | None:
    """The last of ascending places behind ``after`` and not behind ``limit``."""
    last = bisect_right(places, limit) - 1
    return places[last] if last >= 0 and places[last] > after else None


def _make_readable(text: str) -> str:
    """The text as the segmenter can take it.

    It is native code: it cannot take lone surrogates, and it slices into the middle of a non-ASCII space between a
    single letter and a period ("B\\xa0.") and panics. Both are replaced one for one, so that positions hold.
    """
    return replace_surrogates(_WIDE_SPACE.sub(" ", text))


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
