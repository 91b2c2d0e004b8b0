"""Cut a tokenized text into windows: overlapping spans of a number of tokens each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from semsearch.common.documents import Span

__all__ = ["windows"]


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
    starts, ends = _sort_offsets(offsets)
    spans: list[Span] = []
    for first, end in _token_windows(starts_word, size, overlap):
        _append(spans, (starts[first], ends[end - 1]))
    return spans


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


def _token_windows(starts_word: Sequence[bool], size: int, overlap: int) -> list[Span]:
    """The windows as ranges of token numbers; each one begins later than the one before it."""
    count = len(starts_word)
    word_starts = [*accumulate((i if starts else 0 for i, starts in enumerate(starts_word)), max), count]
    ranges: list[Span] = []
    first = 0
    while first < count:
        end = _window_end(word_starts, first, size)
        ranges.append((first, end))
        if end == count:
            break
        first = _next_start(word_starts, ranges[-1], overlap)
    return ranges


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
    first, end = window
    target = max(end - overlap, first + 1)
    near = range(max(end - 2 * overlap, first + 1), end + 1)
    candidates = [token for token in near if word_starts[token] == token]
    return min(candidates, key=lambda token: abs(token - target), default=target)
