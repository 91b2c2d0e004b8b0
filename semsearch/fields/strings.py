"""Comparisons of all strings of a column with one, without making Python's strings of them.

UTF-8 keeps the order of code points, so that bytes can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64
from semsearch.fields.columns import Column

__all__ = ["equals", "fits", "is_before"]

Mask = npt.NDArray[np.bool_]

MOST_PLACES = 100_000
"""Places of a piece of a pattern that are worth more than looking at every string."""

_ONE_CHARACTER = rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
"""UTF-8 (RFC 3629), with the surrogates that a lenient encoder lets through."""


def equals(column: Column, value: str) -> Mask:
    """Which strings are this one, bool[v]."""
    wanted = np.frombuffer(value.encode("utf-8", "surrogatepass"), np.uint8)
    same: Mask = column.sizes == len(wanted)
    candidates = np.flatnonzero(same)
    if len(wanted) and len(candidates):
        begins = column.ends[candidates].astype(np.int64) - len(wanted)
        for place, byte in enumerate(wanted):
            kept = column.text[begins + place] == byte
            candidates, begins = candidates[kept], begins[kept]
        same = np.zeros(len(same), np.bool_)
        same[candidates] = True
    return same


def is_before(column: Column, value: str, *, or_equal: bool) -> Mask:
    """Which strings come before this one in the order of code points, bool[v]; ``or_equal`` counts that itself."""
    wanted = value.encode("utf-8", "surrogatepass")
    undecided = np.arange(len(column.ends))
    sizes = column.sizes
    begins = column.ends.astype(np.int64) - sizes
    before = np.zeros(len(sizes), np.bool_)
    for place, byte in enumerate(wanted):
        is_over = sizes[undecided] <= place
        before[undecided[is_over]] = True  # a beginning of the other comes before it
        undecided = undecided[~is_over]
        bytes_here = column.text[begins[undecided] + place]
        before[undecided[bytes_here < byte]] = True
        undecided = undecided[bytes_here == byte]
    if or_equal:
        before[undecided[sizes[undecided] == len(wanted)]] = True
    return before


def fits(column: Column, pattern: str) -> Mask:
    """Which strings fit a pattern of SQL's LIKE as SQLite has it, bool[v]: ASCII letters fit in both cases."""
    first, *middle = pattern.split("%")
    expression = _spell(first)
    if middle:  # of what is between two % the first place that fits will do, so that nothing is tried twice
        expression += b"".join(b"(?>.*?%s)" % _spell(piece) for piece in middle[:-1]) + b".*" + _spell(middle[-1])
    match = re.compile(expression, re.DOTALL | re.IGNORECASE).fullmatch  # of bytes: ASCII letters alone
    content, fitting = column.text.tobytes(), np.zeros(len(column.ends), np.bool_)
    promising = _find_promising(column, content, pattern)
    ends = column.ends[promising].astype(np.int64)
    begins = ends - column.sizes[promising]
    for place, start, end in zip(promising.tolist(), begins.tolist(), ends.tolist(), strict=True):
        fitting[place] = match(content, start, end) is not None
    return fitting


def _find_promising(column: Column, content: bytes, pattern: str) -> Int64:
    """The strings that may fit: those that begin as the pattern does, or have the longest of its pieces."""
    first, *pieces = re.split("[%_]", pattern)
    if first:
        return _begin_with(column, first.encode("utf-8", "surrogatepass").lower())
    literal = max(pieces, key=len, default="").encode("utf-8", "surrogatepass").lower()
    places = list(islice(_find_all(content.lower(), literal), MOST_PLACES + 1)) if literal else []
    if not literal or len(places) > MOST_PLACES:
        return np.arange(len(column.ends))
    return np.unique(np.searchsorted(column.ends, np.array(places, np.int64), side="right"))


def _begin_with(column: Column, wanted: bytes) -> Int64:
    """The strings that begin so, ASCII letters in both cases."""
    promising = np.flatnonzero(column.sizes >= len(wanted))
    begins = column.ends[promising].astype(np.int64) - column.sizes[promising]
    for place, byte in enumerate(wanted):
        here = column.text[begins + place]
        kept = (here == byte) | (here == bytes([byte]).upper()[0])
        promising, begins = promising[kept], begins[kept]
    return promising


def _find_all(content: bytes, literal: bytes) -> Iterator[int]:
    place = content.find(literal)
    while place >= 0:
        yield place
        place = content.find(literal, place + 1)


def _spell(piece: str) -> bytes:
    """A piece of a pattern without % as a regular expression."""
    return _ONE_CHARACTER.join(re.escape(part.encode("utf-8", "surrogatepass")) for part in piece.split("_"))
