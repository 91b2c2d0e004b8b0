"""Cut a text into spans: documents, paragraphs, lines, sentences, and windows of tokens.

Every function returns half-open ranges of character positions in the text as it was given, in
ascending order. The spans of a text's units have no whitespace at either end and are never blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from semsearch.common.documents import Span, Unit

__all__ = ["documents", "lines", "paragraphs", "sentences", "split", "windows"]

_NEWLINE = re.compile(r"\r\n|\r|\n")
# The groups are atomic: a "\r\n" that was matched whole must not be given back as two newlines.
_BLANK_LINES = re.compile(r"(?>\r\n|\r|\n)(?:[^\S\r\n]*(?>\r\n|\r|\n))+")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
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
    return _trim(text, _between(text, _BLANK_LINES))


def lines(text: str) -> list[Span]:
    """The lines that are not blank; a line ends at ``\\n``, ``\\r\\n`` or ``\\r``."""
    return _trim(text, _between(text, _NEWLINE))


def sentences(text: str, language: str = "en") -> list[Span]:
    """The sentences, none of which reaches over a blank line.

    ``language`` is an ISO 639-1 code; an unknown one is cut by English rules.
    """
    # The segmenter is native code: it cannot take lone surrogates, and it slices into the
    # middle of a non-ASCII space between a single letter and a period ("B\xa0.") and panics. Both
    # are replaced one for one, so that positions hold.
    readable = _LONE_SURROGATE.sub("\ufffd", _WIDE_SPACE.sub(" ", text))
    spans = (
        (start + left, start + right)
        for start, end in paragraphs(text)
        for left, right in _segment(readable[start:end], language)
    )
    return _trim(text, spans)


def windows(offsets: Sequence[Span], starts_word: Sequence[bool], size: int, overlap: int) -> list[Span]:
    """Cut a tokenized text into spans of at most ``size`` tokens, each sharing about ``overlap``.

    ``offsets`` are the character ranges of the content tokens in order, ``starts_word[i]`` tells
    whether token ``i`` begins a word. Windows begin and end between words; a word that is longer
    than a window is cut inside.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be at least 0 and under the size {size}, not {overlap}")
    if len(offsets) != len(starts_word):
        raise ValueError(f"{len(offsets)} offsets but {len(starts_word)} word starts")
    starts, ends = _monotone(offsets)
    spans: list[Span] = []
    for first, stop in _token_windows(starts_word, size, overlap):
        _append(spans, (starts[first], ends[stop - 1]))
    return spans


def _between(text: str, separator: re.Pattern[str]) -> list[Span]:
    """The stretches of ``text`` that the separators leave."""
    found = [match.span() for match in separator.finditer(text)]
    starts = [0, *(end for _, end in found)]
    ends = [*(start for start, _ in found), len(text)]
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
    found = _boundaries(paragraph, language)
    if any(paragraph[item["start_index"] : item["end_index"]] != item["text"] for item in found):
        found = []
    cuts = {0, len(paragraph), *(item["end_index"] for item in found)}
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


def _monotone(offsets: Sequence[Span]) -> tuple[list[int], list[int]]:
    """Starts and ends that never step back and still enclose every token of some width.

    Normalisation may shuffle offsets by a hair; a token without width says nothing about where
    it is, so it takes the position of its neighbours.
    """
    wide = [end > start for start, end in offsets]
    limit = max((end for _, end in offsets), default=0)
    ends = accumulate((end if is_wide else 0 for (_, end), is_wide in zip(offsets, wide, strict=True)), max)
    starts = accumulate(
        (start if is_wide else limit for (start, _), is_wide in zip(offsets[::-1], wide[::-1], strict=True)),
        min,
    )
    return list(starts)[::-1], list(ends)


def _append(spans: list[Span], span: Span) -> None:
    """Add a window's span, unless it or the one before it holds nothing that the other does not."""
    start, end = span
    if end <= start or (spans and end <= spans[-1][1]):
        return
    if spans and start == spans[-1][0]:
        spans.pop()
    spans.append(span)


def _token_windows(starts_word: Sequence[bool], size: int, overlap: int) -> list[Span]:
    """The windows as ranges of token numbers; each one begins later than the one before it."""
    count = len(starts_word)
    word_starts = [*accumulate((i if starts else 0 for i, starts in enumerate(starts_word)), max), count]
    found: list[Span] = []
    first = 0
    while first < count:
        stop = _window_end(word_starts, first, size)
        found.append((first, stop))
        if stop == count:
            break
        first = _next_start(word_starts, found[-1], overlap)
    return found


def _window_end(word_starts: Sequence[int], first: int, size: int) -> int:
    """Where a window from token ``first`` ends: before the word that does not fit any more.

    ``word_starts[i]`` is the first token of the word that token ``i`` belongs to, and its last
    entry is the number of tokens.
    """
    limit = first + size
    if limit >= len(word_starts):
        return len(word_starts) - 1
    word = word_starts[limit]
    # A word that begins in this window and would fill a window alone is cut, wherever that is.
    too_long = word_starts[min(word + size, len(word_starts) - 1)] == word
    return limit if word <= first or too_long else word


def _next_start(word_starts: Sequence[int], window: Span, overlap: int) -> int:
    """The token that the next window begins with: the word start nearest to the overlap asked for.

    Inside a word longer than a window there is none, and the overlap is taken to the token.
    """
    first, stop = window
    target = max(stop - overlap, first + 1)
    near = range(max(stop - 2 * overlap, first + 1), stop + 1)
    candidates = [token for token in near if word_starts[token] == token]
    return min(candidates, key=lambda token: abs(token - target), default=target)
