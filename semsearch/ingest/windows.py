"""Cut a tokenized text into windows: overlapping spans of a number of tokens each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import numpy as np
import regex

from semsearch.common.documents import Span

__all__ = ["windows"]

SMALLEST_SHARE = 4
"""A part of less than so much of a window is put together with the next one."""
_CLUSTER = regex.compile(r"\X")
_JOINING = regex.compile(
    r"[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}\p{GCB=Prepend}\p{GCB=L}\p{GCB=V}\p{GCB=T}\p{GCB=Regional_Indicator}]"
)
"""Without one of these every character is a cluster, but for line ends, which no window ends in."""


def windows(
    text: str,
    offsets: Sequence[Span],
    starts_word: Sequence[bool],
    size: int,
    overlap: int,
    parts: Sequence[int] = (),
) -> list[Span]:
    """Cut a tokenized text into spans of at most ``size`` tokens, each sharing about ``overlap``.

    ``parts`` are positions at which parts of the text begin. No window reaches from one part into the next, but that
    parts of less than a quarter of a window are put together.

    ``offsets`` are the character ranges of the content tokens in order, ``starts_word[i]`` tells
    whether token ``i`` begins a word. Windows begin and end between words; a word that is longer
    than a window is cut inside, but never inside what a reader sees as one character (a grapheme
    cluster), however many tokens that has. Characters that no token stands for are in a window, too.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be at least 0 and under the size {size}, not {overlap}")
    if len(offsets) != len(starts_word):
        raise ValueError(f"{len(offsets)} offsets but {len(starts_word)} word starts")
    starts, ends = _sort_offsets(offsets)
    cluster_start = _find_clusters(text)
    # A window may begin with a token if the character that it begins in has nothing of the token before.
    places = [0, *map(cluster_start, starts[1:])][: len(starts)]
    may_begin = [place >= end for place, end in zip(places, [0, *ends], strict=False)]
    spans: list[Span] = []
    for first, end in _windows_of_parts(starts_word, may_begin, size, overlap, _find_tokens(starts, parts)):
        start, stop = _trim(text, places[first], (*places[end : end + 1], len(text))[0])
        _append(spans, (cluster_start(start), stop))
    return spans


def _find_tokens(starts: Sequence[int], parts: Sequence[int]) -> list[int]:
    """The first token of each part; a part in whose middle a token begins has none of its own."""
    return [bisect_left(starts, part) for part in parts]


def _windows_of_parts(
    starts_word: Sequence[bool], may_begin: Sequence[bool], size: int, overlap: int, parts: Sequence[int]
) -> Iterator[Span]:
    """The windows of each part, as ranges of token numbers."""
    count, first = len(starts_word), 0
    for end in [*parts, count]:
        is_cut = end == count or (end < count and may_begin[end] and end - first >= size // SMALLEST_SHARE)
        if not is_cut or end <= first:
            continue
        inside = _token_windows(starts_word[first:end], may_begin[first:end], size, overlap)
        yield from ((first + start, first + stop) for start, stop in inside)
        first = end


def _find_clusters(text: str) -> Callable[[int], int]:
    """A function from a position to where the grapheme cluster that it is in starts."""
    if not _JOINING.search(text):
        return int
    inside = bytearray(len(text) + 1)
    for cluster in _CLUSTER.finditer(text):
        start, end = cluster.span()
        if end - start > 1:
            inside[start + 1 : end] = bytes([1]) * (end - start - 1)
    starts = np.maximum.accumulate(np.where(np.frombuffer(inside, np.bool_), 0, np.arange(len(inside))))
    return lambda position: int(starts[position])


def _trim(text: str, start: int, end: int) -> Span:
    """A span without the white space at its ends."""
    piece = text[start:end].rstrip()
    return start + len(piece) - len(piece.lstrip()), start + len(piece)


def _sort_offsets(offsets: Sequence[Span]) -> tuple[list[int], list[int]]:
    """Starts and ends in ascending order that still enclose every token with a width.

    Normalisation may put offsets slightly out of order. A token without width does not say where it is, and takes the
    position of its neighbours.
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
    """Add a window's span. Of two spans of which one holds the other, only the larger stays."""
    start, end = span
    if end <= start or (spans and end <= spans[-1][1]):
        return
    if spans and start == spans[-1][0]:
        spans.pop()
    spans.append(span)


def _token_windows(starts_word: Sequence[bool], may_begin: Sequence[bool], size: int, overlap: int) -> list[Span]:
    """The windows as ranges of token numbers; each one begins later than the one before it."""
    count = len(starts_word)
    is_word = [starts and may for starts, may in zip(starts_word, may_begin, strict=False)]
    word_starts = _last_true(is_word)
    piece_starts = _last_true(may_begin[:count])
    ranges: list[Span] = []
    first = 0
    while first < count:
        end = _window_end(word_starts, piece_starts, first, size)
        ranges.append((first, end))
        if end == count:
            break
        first = _next_start(word_starts, piece_starts, ranges[-1], overlap)
    return ranges


def _last_true(flags: Sequence[bool]) -> list[int]:
    """For each place the last one up to it that is true; behind them how many there are."""
    return [*accumulate((place if flag else 0 for place, flag in enumerate(flags)), max), len(flags)]


def _window_end(word_starts: Sequence[int], piece_starts: Sequence[int], first: int, size: int) -> int:
    """Where a window from token ``first`` ends: before the word that does not fit any more.

    ``word_starts[i]`` is the first token of the word that token ``i`` belongs to, and its last
    entry is the number of tokens; ``piece_starts`` is the same for what must not be cut.
    """
    limit = first + size
    if limit >= len(word_starts):
        return len(word_starts) - 1
    word = word_starts[limit]
    # A word that begins in this window and would fill a window alone is cut, wherever that is.
    too_long = word_starts[min(word + size, len(word_starts) - 1)] == word
    if word > first and not too_long:
        return word
    piece = piece_starts[limit]
    return piece if piece > first else _next_piece(piece_starts, limit)


def _next_piece(piece_starts: Sequence[int], token: int) -> int:
    """The first token of the piece behind the one that a token belongs to."""
    return piece_starts[bisect_right(piece_starts, piece_starts[token])]


def _next_start(word_starts: Sequence[int], piece_starts: Sequence[int], window: Span, overlap: int) -> int:
    """The token that the next window begins with: the word start nearest to the overlap asked for.

    Inside a word longer than a window there is none, and the overlap is taken to the piece.
    """
    first, end = window
    target = max(end - overlap, first + 1)
    near = range(max(end - 2 * overlap, first + 1), end + 1)
    candidates = [token for token in near if word_starts[token] == token]
    if candidates:
        return min(candidates, key=lambda token: abs(token - target))
    piece = piece_starts[target]
    return piece if piece > first else _next_piece(piece_starts, first)
