"""Postings: for each term the rows that have it, and how often. Some neighbouring rows make a segment of them.

Arrays of a segment of n rows, t terms and p postings, by name::

    terms       uint8[bytes]   the terms as UTF-8, in ascending order, one behind the other
    term_ends   uint32[t]      where each ends
    starts      uint64[t + 1]  where the postings of each begin, and where the last ones end
    rows        uint32[p]      of each term ascending, counted from the segment's first row
    counts      uint8[p]       how often the row has the term, 255 for more
    lengths     uint32[n]      parts of words in each row
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64
from semsearch.common.named_arrays import NamedArrays, pack_arrays, unpack_arrays
from semsearch.lexical.terms import Analyzer

__all__ = ["Postings", "build_postings", "merge_postings"]

MOST_COUNTED = 255
MOST_FOUND = 10_000
"""Terms whose places are remembered: a question asks for each of its terms several times."""
COPIED = 1 << 17
"""Postings that are copied at a time when segments are merged."""


class Postings:
    """The postings of rows ``first`` … ``end`` - 1."""

    def __init__(self, arrays: NamedArrays, first: int) -> None:
        """Raises ValueError if the arrays do not fit each other."""
        self.arrays = arrays
        self.first = first
        self._terms, self._term_ends = arrays["terms"], arrays["term_ends"]
        self._starts, self.lengths = arrays["starts"], arrays["lengths"]
        self.end = first + len(self.lengths)
        self._found: dict[str, slice] = {}
        last = int(self._starts[-1]) if len(self._starts) else -1
        if len(self._starts) != len(self._term_ends) + 1 or not last == len(arrays["rows"]) == len(arrays["counts"]):
            raise ValueError("its arrays do not fit each other")

    @classmethod
    def unpack(cls, content: bytes | npt.NDArray[np.uint8], first: int) -> Postings:
        """From what :meth:`pack` made; raises ValueError or KeyError."""
        return cls(unpack_arrays(content), first)

    def pack(self) -> Iterator[bytes | memoryview]:
        """Its bytes for a file or a value of a table, piece by piece."""
        return pack_arrays(self.arrays)

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def terms(self) -> Iterator[bytes]:
        """All terms, ascending."""
        content, start = self._terms.tobytes(), 0
        for end in self._term_ends.data:
            yield content[start:end]
            start = end

    @property
    def sizes(self) -> Int64:
        """How many postings each term has."""
        return np.diff(self._starts).astype(np.int64)

    def find(self, term: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
        """The rows that have a term, counted from ``first`` on, ascending, and how often each has it."""
        part = self._found.get(term)
        if part is None:
            if len(self._found) >= MOST_FOUND:
                self._found.clear()
            part = self._found[term] = self._find_part(term.encode("utf-8", "surrogatepass"))
        return self.arrays["rows"][part], self.arrays["counts"][part]

    def _find_part(self, wanted: bytes) -> slice:
        """Where the postings of a term are, by bisection."""
        low, high = 0, len(self._term_ends)
        while low < high:
            middle = (low + high) // 2
            if self._term(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        if low == len(self._term_ends) or self._term(low) != wanted:
            return slice(0, 0)
        return slice(int(self._starts[low]), int(self._starts[low + 1]))

    def check(self) -> None:
        """Raise ValueError if a row is none of the segment's: what a file says may be wrong and well sealed."""
        rows, starts = self.arrays["rows"], self._starts
        if (len(rows) and int(rows.max()) >= len(self)) or (np.diff(starts.astype(np.int64)) < 0).any():
            raise ValueError("its postings are of rows that it has not")

    def keep(self, live: npt.NDArray[np.bool_], first: int) -> Postings:
        """The postings of some of the rows, bool[n], which are numbered anew from ``first`` on."""
        numbers = np.cumsum(live) - 1
        kept = live[self.arrays["rows"]]
        owners = np.repeat(np.arange(len(self._term_ends)), self.sizes)[kept]
        sizes = np.bincount(owners, minlength=len(self._term_ends))
        terms = [term for term, size in zip(self.terms, sizes.tolist(), strict=True) if size]
        rows = numbers[self.arrays["rows"][kept]].astype(np.uint32)
        arrays = _assemble(*_join(terms), sizes[sizes > 0], rows, self.arrays["counts"][kept], self.lengths[live])
        return Postings(arrays, first)

    def _term(self, number: int) -> bytes:
        start = int(self._term_ends[number - 1]) if number else 0
        return bytes(self._terms[start : int(self._term_ends[number])])


def build_postings(texts: Iterable[str], analyzer: Analyzer, first: int) -> Postings:
    """The postings of texts, one a row from ``first`` on."""
    numbers: dict[str, int] = {}
    occurrences: list[int] = []
    sizes: list[int] = []
    lengths: list[int] = []
    for text in texts:
        terms, length = analyzer.terms(text)
        occurrences += [numbers.setdefault(term, len(numbers)) for term in terms]
        sizes.append(len(terms))
        lengths.append(length)
    spelled = [term.encode("utf-8", "surrogatepass") for term in numbers]
    order = sorted(range(len(spelled)), key=spelled.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    rows = np.repeat(np.arange(len(sizes)), sizes)
    owners = rank[np.array(occurrences, np.int64)] if occurrences else np.empty(0, np.int64)
    pairs, counts = np.unique(owners * max(len(sizes), 1) + rows, return_counts=True)
    owners, rows = np.divmod(pairs, max(len(sizes), 1))
    arrays = _assemble(
        *_join([spelled[number] for number in order]),
        np.bincount(owners, minlength=len(order)),
        rows.astype(np.uint32),
        np.minimum(counts, MOST_COUNTED).astype(np.uint8),
        np.array(lengths, np.uint32),
    )
    return Postings(arrays, first)


def merge_postings(segments: Sequence[Postings]) -> Postings:
    """One segment of several that follow each other."""
    if len(segments) == 1:
        return segments[0]
    terms, ends, owners = _merge_terms(segments)
    sizes = np.zeros(len(ends), np.int64)
    for own, segment in zip(owners, segments, strict=True):
        sizes[own] += segment.sizes
    free = np.concatenate([[0], np.cumsum(sizes)])
    rows, counts = np.empty(free[-1], np.uint32), np.empty(free[-1], np.uint8)
    for own, segment in zip(owners, segments, strict=True):
        for part, places in _places(segment, free[own]):
            rows[places] = segment.arrays["rows"][part] + np.uint32(segment.first - segments[0].first)
            counts[places] = segment.arrays["counts"][part]
        free[own] += segment.sizes
    lengths = np.concatenate([segment.lengths for segment in segments])
    return Postings(_assemble(terms, ends, sizes, rows, counts, lengths), segments[0].first)


def _merge_terms(segments: Sequence[Postings]) -> tuple[bytes, npt.NDArray[np.uint32], list[Int64]]:
    """The terms of all segments, one behind the other, where each ends, and the numbers of each segment's terms.

    One term at a time: as objects of Python, those of a million texts took more memory than their postings.
    """
    joined, ends, owners = bytearray(), array("I"), [array("q") for _ in segments]
    named = [zip(segment.terms, repeat(own)) for segment, own in zip(segments, owners, strict=False)]
    last = None
    for term, own in merge(*named, key=itemgetter(0)):
        if term != last:
            joined += term
            ends.append(len(joined))
            last = term
        own.append(len(ends) - 1)
    return bytes(joined), np.array(ends, np.uint32), [np.array(own, np.int64) for own in owners]


def _places(segment: Postings, begins: Int64) -> Iterator[tuple[slice, Int64]]:
    """Slices of a segment's postings, and where each posting goes if those of each term begin at ``begins``."""
    starts = segment.arrays["starts"].astype(np.int64)
    total = int(starts[-1])
    for low in range(0, total, COPIED):
        high = min(low + COPIED, total)
        owners = np.searchsorted(starts, np.arange(low, high), side="right") - 1
        yield slice(low, high), np.arange(low, high) - starts[owners] + begins[owners]


def _join(terms: Sequence[bytes]) -> tuple[bytes, npt.NDArray[np.uint32]]:
    """Terms one behind the other, and where each ends."""
    return b"".join(terms), np.cumsum([len(term) for term in terms], dtype=np.uint32)


def _assemble(
    terms: bytes,
    term_ends: npt.NDArray[np.uint32],
    sizes: Int64,
    rows: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.uint8],
    lengths: npt.NDArray[np.uint32],
) -> dict[str, npt.NDArray[Any]]:
    return {
        "terms": np.frombuffer(terms, np.uint8),
        "term_ends": term_ends,
        "starts": np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint64),
        "rows": rows,
        "counts": counts,
        "lengths": lengths,
    }
