"""One search over indexed rows and the rows behind them: candidates, exact scores, filters, always k hits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from semsearch.common.arrays import Float32, Int64, chunks
from semsearch.common.threads import run
from semsearch.index.bitmaps import Bitmap, contains, count, members
from semsearch.index.inverted_lists import Search
from semsearch.index.partitioned import ApproximateIndex, Point
from semsearch.index.rows import Rows, merge, stack

__all__ = ["Searcher"]

NARROW_ROWS = 4096
NARROW_SHARE = 200
"""A set of at most so many rows, or of one row in so many, is scored row by row: that is faster, and exact."""
WIDEST = 2.0
"""Times as many lists are looked at if a filter allows no more than half of the rows: the nearest ones of these lie
farther away. Measured on a million sentences, at shares of 1 to 50 %: recall .968 to .99 without, above .998 with it,
for a tenth to a half more time, since rows that are not allowed cost little."""
CHUNK = 64
"""Queries that a thread takes at a time, at most."""
UNEVEN = 1.5
"""Candidates that each thread finds, in proportion to an even share. Measured with two threads and 0.99 of the
neighbours of a million rows: one query in 25 has more of them in one share."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Rows with an approximate index over the first of them, or over none; the others are scanned exactly.

    Every score is computed from the stored vectors; the index only says which rows are worth it.
    """

    rows: Rows
    index: ApproximateIndex
    point: Point
    threads: int = 1

    def without_index(self) -> Searcher:
        """The same rows, each of which is compared with every query."""
        return replace(self, index=ApproximateIndex([], self.rows.metric))

    def search(self, queries: Float32, k: int, allowed: Bitmap | None = None) -> tuple[Float32, Int64]:
        """The ``k`` nearest allowed rows to each query: scores float32[m, k'], rows int64[m, k'], best first.

        k' is ``k``, or the number of allowed rows if there are fewer; never less.
        """
        number = len(self.rows) if allowed is None else count(allowed)
        k = min(k, number)
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        if allowed is not None and number <= max(NARROW_ROWS, len(self.rows) // NARROW_SHARE):
            return self.rows.search_among(queries, k, members(allowed))
        if not self.index.covered:
            return self.rows.search(queries, k, allowed=allowed, threads=self.threads)
        alone = len(queries) < self.threads  # threads share each query, else the queries
        size = CHUNK if alone else min(CHUNK, -(-len(queries) // self.threads))
        inner = self.threads if alone else 1
        searches = [partial(self._approximate, chunk, k, allowed, inner) for chunk in chunks(queries, size)]
        return self._complete(queries, k, allowed, *stack(run(searches, self.threads), k))

    def _approximate(self, queries: Float32, k: int, allowed: Bitmap | None, threads: int) -> tuple[Float32, Int64]:
        widening = self.point.widening(k) * (1 if allowed is None else self._widening(allowed))
        searches = self.index.searches(queries, self.point.reach.widened(widening), allowed, threads)
        wanted = self.point.count(k)
        each = wanted if len(searches) == 1 else min(wanted, math.ceil(UNEVEN * wanted / len(searches)))
        scored = [partial(self._score_candidates, queries, k, allowed, search) for search in searches]
        shares = run([partial(search_share, each) for search_share in scored], threads)
        for number in _find_short_shares([distances for *_, distances in shares], each, wanted):
            shares[number] = scored[number](wanted)
        best = [(scores, rows) for scores, rows, _ in shares]
        start = self.index.covered - self.index.covered % 8  # a bitmap is cut at whole bytes only
        if start < len(self.rows):
            scores, rows = self.rows.search(queries, k, start, None, allowed, threads)
            again = (rows >= 0) & (rows < self.index.covered)
            best.append((np.where(again, -np.inf, scores), np.where(again, -1, rows)))
        return merge(best, len(queries), k)

    def _widening(self, allowed: Bitmap) -> float:
        """How much farther a query looks whose nearest rows are not all allowed."""
        return 1 + (WIDEST - 1) * min(1.0, 2 * (1 - count(allowed) / len(self.rows)))

    def _score_candidates(
        self, queries: Float32, k: int, allowed: Bitmap | None, search: Search, candidates: int
    ) -> tuple[Float32, Int64, Float32]:
        """The ``k`` best of so many candidates, and the distances of all of these as the index has them."""
        distances, rows = search(candidates)
        if allowed is not None:  # some indexes take no selector
            rows = np.where((rows >= 0) & contains(allowed, np.maximum(rows, 0)), rows, -1)
        return *self.rows.rescore(queries, rows, k), distances

    def _complete(
        self, queries: Float32, k: int, allowed: Bitmap | None, scores: Float32, rows: Int64
    ) -> tuple[Float32, Int64]:
        """Complete the results that lack rows, or hold rows that are not allowed, by an exact scan."""
        wrong = rows < 0
        if allowed is not None:
            wrong |= ~contains(allowed, np.maximum(rows, 0))
        if wrong.any():
            lacking = np.flatnonzero(wrong.any(axis=1))
            exact = self.rows.search(queries[lacking], k, allowed=allowed, threads=self.threads)
            scores[lacking], rows[lacking] = exact
        return scores, rows


def _find_short_shares(distances: list[Float32], each: int, wanted: int) -> list[int]:
    """The shares that may hold more of the ``wanted`` nearest rows than the ``each`` rows that they gave.

    ``distances`` are those of each share, best first; larger is nearer. One share may hold all of the nearest rows:
    this happens when they lie in one list.
    """
    if each == wanted:
        return []
    together = np.concatenate(distances, axis=1)
    last = -np.partition(-together, wanted - 1, axis=1)[:, wanted - 1] if together.shape[1] >= wanted else -np.inf
    return [number for number, share in enumerate(distances) if share.shape[1] >= each and (share[:, -1] > last).any()]
