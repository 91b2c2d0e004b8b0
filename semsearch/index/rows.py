"""Vectors where they lie, and their exact scores: every answer is made of these numbers.

Vectors are coded rows (see :mod:`semsearch.index.codes`) in memory or in a mapped file. FAISS scores them in place, in
float32 arithmetic; nothing is converted or copied for a scan, which is therefore bound by the memory's bandwidth.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64, best
from semsearch.common.documents import Metric
from semsearch.common.threads import run
from semsearch.index.bitmaps import Bitmap, count, members, span_of
from semsearch.index.codes import Code

__all__ = ["NEAR_ONE", "SAME", "RowSource", "Rows", "faiss_metric", "merge", "open_rows", "stack"]

RankedRows = tuple[Float32, Int64]
"""Scores and rows, best first: float32[m, k] and int64[m, k]. A place that is not taken has -inf and -1."""

SCAN_ROWS = 8192
"""Rows that several queries are compared with before the next rows are: 6 MB of 384 dimensions stay in a cache."""
THREAD_ROWS = 4096
"""Fewest rows that are worth a thread's while."""
MANY_QUERIES = 16
"""From so many queries on, a block is decoded and compared with all of them by one matrix product."""
PRODUCT_SIZE = 4096
"""Numbers in the queries from which on FAISS multiplies matrices; its own 128,000 makes 300 queries half as fast."""
MERGED = 8
"""Blocks whose best rows are merged at once: each merge sorts."""
SPARE = 6
"""Rows beside the k best that are found: rounding may change the order of the last ones."""
MORE = 4
"""How many times as many rows are found if all of these are near 1."""
ROUNDING = 1e-5
"""More than sums of some thousand float32 products differ by, relative to the lengths of the vectors."""
NEAR_ONE = 1 - 2.0**-10
"""Products from here on may be those of equal vectors: float16 changes a vector's length by 2**-11 of it at most."""
SAME = 1 - 2.0**-22
"""Cosines from here on count as 1: float16 turns a vector by 2**-11 at most, an angle whose cosine is 1 - 2**-23."""
SPARSE = 32
"""A block of which less than one row in so many is allowed is gathered instead of scanned."""
TAKEN_ROWS = 1024
"""Scattered rows that are taken before their memory may go back."""
RESCORED = 4
"""Queries whose candidates' memory may go back together."""
GATHERED_ROWS = 2048
"""Scattered rows that are copied together before they are scored: 1.6 MB of 384 dimensions."""


class RowSource(Protocol):
    """Where vectors lie."""

    matrix: npt.NDArray[np.uint8]
    """uint8[rows, stride]: each row begins with its vector."""
    code: Code
    """What its bytes mean."""

    def check(self, rows: Int64) -> None:
        """Raise if one of these rows is not what was written."""

    def check_span(self, start: int, end: int) -> None:
        """The same for the rows ``start`` to ``end``."""

    def gather(self, rows: Int64, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """Copies of some rows, uint8[len(rows), stride]."""

    def release(self, start: int, end: int) -> None:
        """The rows ``start`` to ``end`` have been read: their memory may go back if the source is read once."""


class Rows:
    """Exact search over rows 0 … ``len`` - 1. Thread-safe; each row is checked before its score counts.

    The score is the inner product, or with the metric ``l2`` the distance with a minus in front: higher is
    better. For the metric ``cosine`` rows and queries must be of length 1, and scores are from -1 to 1. The product of
    equal vectors is 1 but for the rounding of what is stored, which may be more than other vectors are away from 1. So
    what is near 1 is divided by the row's own length; then only its direction is rounded, and ``SAME`` is 1.
    """

    def __init__(self, source: RowSource, dimension: int, metric: Metric = Metric.COSINE) -> None:
        self._source = source
        self.dimension = dimension
        self.metric = metric
        self._of_thread = threading.local()

    def __len__(self) -> int:
        return len(self._source.matrix)

    def take(self, rows: Int64) -> Float32:
        """The vectors of some rows, float32[len(rows), dimension]."""
        vectors = np.empty((len(rows), self.dimension), np.float32)
        for first in range(0, len(rows), TAKEN_ROWS):
            some = rows[first : first + TAKEN_ROWS]
            self._source.check(some)
            vectors[first : first + len(some)] = self._decode(self._source.gather(some))
            self.release()
        return vectors

    def block(self, start: int, end: int) -> Float32:
        """The vectors of neighbouring rows, float32[end - start, dimension]."""
        self._source.check_span(start, end)
        vectors = self._decode(self._source.matrix[start:end])
        self._source.release(start, end)
        return vectors

    def release(self) -> None:
        """Let go of the memory of rows that have been read here and there, if the source is read once."""
        self._source.release(0, len(self))

    def search(
        self,
        queries: Float32,
        k: int,
        start: int = 0,
        end: int | None = None,
        allowed: Bitmap | None = None,
        threads: int = 1,
    ) -> RankedRows:
        """The ``k`` nearest of the rows ``start`` (a multiple of 8) to ``end`` that are ``allowed``.

        One query is compared by all threads, each with a share of the rows; several with block after block.
        """
        end = len(self) if end is None else end
        self._source.check_span(start, end)
        return self._rank(queries, k, partial(self._find, queries, start, end, allowed, threads))

    def search_among(self, queries: Float32, k: int, rows: Int64) -> RankedRows:
        """The ``k`` nearest of these ``rows``, the same for all queries."""
        self._source.check(rows)
        return self._rank(queries, k, partial(self._score_rows, queries, rows))

    def rescore(self, queries: Float32, candidates: Int64, k: int) -> RankedRows:
        """The ``k`` nearest of each query's own candidates, int64[m, c], where -1 stands for none."""
        self._source.check(candidates[candidates >= 0])
        return self._rank(queries, k, partial(self._score_candidates, queries, candidates))

    def within(self, query: Float32, least: float, allowed: Bitmap | None = None) -> tuple[Float32, Int64]:
        """All allowed rows with a score of ``least`` or more: scores and rows, float32[n] and int64[n], best first."""
        self._source.check_span(0, len(self))
        product = min(least, NEAR_ONE) if self.metric is Metric.COSINE else least
        near = [np.empty(0, np.int64)]
        for start, end in _blocks(0, len(self), SCAN_ROWS):
            rows = np.arange(start, end) if allowed is None else members(span_of(allowed, start, end)) + start
            near.append(rows[self._may_reach(query[0], self._decode(self._source.gather(rows)), product)])
        chosen = np.concatenate(near)
        scores, ranked = self.search_among(query, max(1, len(chosen)), chosen)
        reached = int(np.count_nonzero(scores[0] >= np.float32(least)))
        return scores[0, :reached], ranked[0, :reached]

    def _rank(self, queries: Float32, k: int, find: Callable[[int], RankedRows]) -> RankedRows:
        """The ``k`` best rows by their scores; ``find`` gives as many as it is asked for by their products.

        Near 1 the scores may have another order than the products: all rows that may be among the best are found.
        """
        if self.metric is not Metric.COSINE:
            return find(k)
        wanted = k + SPARE
        while True:
            products, rows = find(wanted)
            scores = self._turn_into_scores(queries, products, rows)
            if not (scores[:, :-1] > scores[:, 1:]).all():
                scores, rows = best(scores, rows, wanted)
            if not ((products[:, -1] >= NEAR_ONE) & (scores[:, k - 1] < 1)).any():
                return scores[:, :k], rows[:, :k]
            wanted *= MORE

    def _turn_into_scores(self, queries: Float32, products: Float32, rows: Int64) -> Float32:
        """Scores from -1 to 1 of ranked products, float32[m, any]; a place that is not taken keeps -inf."""
        scores = np.minimum(products, 1)
        scores[(scores < -1) & (rows >= 0)] = -1
        if self._source.code is Code.FLOAT16 and (products[:, 0] >= NEAR_ONE).any():
            which, places = np.nonzero(products >= NEAR_ONE)
            for first in range(0, len(which), GATHERED_ROWS):
                few = which[first : first + GATHERED_ROWS], places[first : first + GATHERED_ROWS]
                scores[few] = self._compute_cosines(queries[few[0]], rows[few])
        return scores

    def _compute_cosines(self, queries: Float32, rows: Int64) -> Float32:
        """The cosine of each query with its row, both float64 here: float32[n], at least ``NEAR_ONE``."""
        vectors, wanted = self._decode(self._source.gather(rows)).astype(np.float64), queries.astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors) * np.einsum("ij,ij->i", wanted, wanted))
        cosines = np.einsum("ij,ij->i", vectors, wanted) / lengths
        return np.where(cosines >= SAME, 1, np.maximum(cosines, NEAR_ONE)).astype(np.float32)

    def _find(self, queries: Float32, start: int, end: int, allowed: Bitmap | None, threads: int, k: int) -> RankedRows:
        """The ``k`` best of neighbouring rows by their products, or by their distances."""
        size = SCAN_ROWS if len(queries) > 1 else max(THREAD_ROWS, -(-(end - start) // threads))
        blocks = _blocks(start, end, size)
        shares = [blocks[number::threads] for number in range(min(threads, len(blocks)))]
        ranked = run([partial(self._scan, queries, k, share, allowed) for share in shares], threads)
        return merge(ranked, len(queries), k)

    def _may_reach(self, query: Float32, vectors: Float32, least: float) -> npt.NDArray[np.bool_]:
        """Which vectors score ``least``, or would but for rounding: the products are summed in another order here."""
        lengths = np.linalg.norm(vectors, axis=1)
        slack = ROUNDING * np.linalg.norm(query) * lengths
        if self.metric is Metric.L2:
            return np.asarray(np.linalg.norm(vectors - query, axis=1) <= -least + ROUNDING * (lengths + abs(least)))
        return np.asarray(vectors @ query >= least - slack)

    def _scan(self, queries: Float32, k: int, blocks: list[tuple[int, int]], allowed: Bitmap | None) -> RankedRows:
        many = len(queries) >= MANY_QUERIES
        kept = k + SPARE if many else k
        best_yet: list[RankedRows] = []
        for start, end in blocks:
            inside = None if allowed is None else span_of(allowed, start, end)
            number = end - start if inside is None else count(inside)
            if many:
                best_yet.append(self._multiply_block(queries, min(kept, number), start, end, inside))
            elif inside is not None and number < (end - start) / SPARSE:
                best_yet += [self._score_rows(queries, members(inside) + start, k)] if number else []
            else:
                view = self._view(self._source.matrix[start:end])
                best_yet.append(self._search_view(view, queries, min(k, number), start, inside))
            self._source.release(start, end)
            if len(best_yet) > MERGED:
                best_yet = [merge(best_yet, len(queries), kept)]
        best_yet = [merge(best_yet, len(queries), kept)]
        return self._rescore_found(queries, best_yet[0][1], k) if many else best_yet[0]

    def _multiply_block(self, queries: Float32, k: int, start: int, end: int, inside: Bitmap | None) -> RankedRows:
        """The ``k`` best rows of a block by one product of matrices, in the product's own rounding."""
        import faiss

        if k == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        block = self._source.matrix[start:end]
        rows = np.arange(start, end) if inside is None else members(inside) + start
        vectors = self._decode(block if len(rows) == len(block) else self._source.gather(rows))
        faiss.omp_set_num_threads(1)
        faiss.cvar.distance_compute_blas_threshold = PRODUCT_SIZE
        distances, places = faiss.knn(queries, vectors, k, metric=faiss_metric(self.metric))
        return _scores(distances, self.metric), rows[places]

    def _rescore_found(self, queries: Float32, found: Int64, k: int) -> RankedRows:
        """The ``k`` best of what a scan found, in the rounding of all other scores."""
        ranked = []
        for first in range(0, len(queries), RESCORED):
            some = slice(first, first + RESCORED)
            ranked.append(self._score_candidates(queries[some], found[some], k))
            self.release()
        return stack(ranked, k)

    def _score_candidates(self, queries: Float32, candidates: Int64, k: int) -> RankedRows:
        """The ``k`` best of each query's own candidates, whose checksums have been compared."""
        taken = candidates >= 0
        complete = bool(taken.all())
        ranked = [
            self._score_rows(queries[number : number + 1], own if complete else own[taken[number]], k)
            for number, own in enumerate(candidates)
        ]
        return stack(ranked, k)

    def _score_rows(self, queries: Float32, rows: Int64, k: int) -> RankedRows:
        """The ``k`` nearest of these ``rows``, whose checksums have been compared.

        Each thread keeps the memory into which it copies rows, and FAISS's view of it: to make these anew for every
        query took longer than to score some hundred rows.
        """
        import faiss

        bench = self._of_thread.__dict__.pop("bench", None)  # a signal handler that searches, too, must have its own
        if bench is None:
            own = np.empty((GATHERED_ROWS, self._source.matrix.shape[1]), np.uint8)
            bench = own, self._view(own)
        memory, view = bench
        faiss.omp_set_num_threads(1)
        ranked = []
        for first in range(0, len(rows), len(memory)):
            some = rows[first : first + len(memory)]
            self._source.gather(some, memory[: len(some)])
            view.ntotal = len(some)
            ranked.append(self._search_view(view, queries, min(k, len(some)), some))
        self._of_thread.bench = bench
        return merge(ranked, len(queries), k)

    def _search_view(
        self, view: Any, queries: Float32, k: int, numbers: Int64 | int, inside: Bitmap | None = None
    ) -> RankedRows:
        """Search a view. Its row 0 is row ``numbers`` of ours; if ``numbers`` is an array, its rows are those."""
        distances, places = view.search(queries, k, params=_selector(inside))
        scores, own = _scores(distances, self.metric), places + numbers if isinstance(numbers, int) else numbers[places]
        if places.min(initial=0) < 0:
            scores, own = np.where(places < 0, -np.inf, scores), np.where(places < 0, -1, own)
        return scores, own

    def _view(self, matrix: npt.NDArray[np.uint8]) -> Any:
        """A FAISS index over the bytes of ``matrix``, which it neither copies nor frees.

        This is what FAISS does itself for an index file that it maps; it offers no constructor for it.
        """
        import faiss

        faiss.omp_set_num_threads(1)
        index = self._source.code.quantizer(self.dimension, faiss_metric(self.metric))
        index.code_size = index.sq.code_size = matrix.shape[1]
        index.ntotal = len(matrix)
        codes = index.codes
        codes.is_owned = False
        codes.view_data = codes.c_ptr = faiss.swig_ptr(matrix)
        codes.view_size = codes.c_size = matrix.nbytes
        index.referenced_objects = [matrix]  # lives as long as the index does
        return index

    def _decode(self, matrix: npt.NDArray[np.uint8]) -> Float32:
        vectors: Float32 = self._view(matrix).reconstruct_n(0, len(matrix))
        return vectors


def open_rows(source: RowSource, dimension: int, metric: Metric, device: str) -> Rows:
    """Rows that are searched on a device: ``cpu``, ``cuda``, or for torch ``cuda:1`` and the like."""
    if device == "cpu":
        return Rows(source, dimension, metric)
    from semsearch.index.gpu import GpuRows

    return GpuRows(source, dimension, metric, device)


def faiss_metric(metric: Metric) -> int:
    """FAISS's number of a metric."""
    import faiss

    return int(faiss.METRIC_L2 if metric is Metric.L2 else faiss.METRIC_INNER_PRODUCT)


def _blocks(start: int, end: int, size: int) -> list[tuple[int, int]]:
    """Neighbouring spans of about ``size`` rows, at borders where a bitmap can be cut."""
    size = -(-size // 8) * 8
    return [(first, min(first + size, end)) for first in range(start, end, size)]


def stack(ranked: list[RankedRows], k: int) -> RankedRows:
    """The findings of some queries after those of others."""
    if len(ranked) == 1:
        return ranked[0]
    scores, rows = (
        (np.concatenate(parts) for parts in zip(*ranked, strict=True)) if ranked else _make_blank_places(0, k)
    )
    return scores, rows


def merge(ranked: list[RankedRows], m: int, k: int) -> RankedRows:
    """The ``k`` best of several findings, filled up to ``k`` places."""
    missing = max(0, k - sum(rows.shape[1] for _, rows in ranked))
    if len(ranked) == 1 and not missing:
        return ranked[0]
    scores, rows = (
        np.concatenate(parts, axis=1) for parts in zip(*ranked, _make_blank_places(m, missing), strict=True)
    )
    return best(scores, rows, k)


def _make_blank_places(m: int, k: int) -> RankedRows:
    """Places that are not taken."""
    return np.full((m, k), -np.inf, np.float32), np.full((m, k), -1, np.int64)


def _scores(distances: Float32, metric: Metric) -> Float32:
    return -np.sqrt(np.maximum(distances, 0)) if metric is Metric.L2 else distances


def _selector(allowed: Bitmap | None) -> Any:
    if allowed is None:
        return None
    import faiss

    return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(allowed))
