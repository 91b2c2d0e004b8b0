"""The lists of an inverted file, and which of them a query looks at: those that are near enough to it.

A fixed number of lists (``nprobe``) is more than a query in the midst of one needs, and less than one between many
does. Measured on a million sentences, a fifth fewer rows are scanned for the same neighbours if each query looks at
the lists that score half as much as the nearest one, less a margin that is the same for all queries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64

__all__ = ["Lists", "Reach", "Search"]

SHARE_BYTES = 16_000_000
"""Codes that are scanned for each further thread: less takes longer to divide than to do."""

SHORTEST = np.float32(1e-30)

Search = Callable[[int], tuple[Float32, Int64]]
"""A search that is ready to run, for so many candidates: distances float32[m, n] and row numbers int64[m, n], nearest
first, -1 for none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a query looks: ``effort`` is ``nprobe`` of an inverted file, ``efSearch`` of a graph.

    With a ``margin``, a query looks at the lists that are at most so far behind; ``effort`` is then the average number
    of these lists. A reach that is ``widened`` looks at so many times as many.
    """

    effort: int
    margin: float | None = None
    widening: float = 1.0

    def widened(self, times: float) -> Reach:
        """This reach, ``times`` as far."""
        return Reach(math.ceil(self.effort * times), self.margin, times)


class Lists:
    """An inverted file below its transforms; its centroids are compared with a query one by one."""

    def __init__(self, whole: Any, transforms: list[Any], inverted_file: Any) -> None:
        import faiss

        self._whole = whole  # owns the others
        self._transforms = [faiss.downcast_VectorTransform(transform) for transform in transforms]
        self._faiss = inverted_file
        self._centroids = faiss.downcast_index(inverted_file.quantizer)
        self._list_bytes = inverted_file.ntotal * inverted_file.code_size / inverted_file.nlist
        self._is_l2 = inverted_file.metric_type == faiss.METRIC_L2
        self._normalises = any(isinstance(transform, faiss.NormalizationTransform) for transform in self._transforms)

    def distances_behind(self, queries: Float32) -> Float32:
        """How far each list is behind half of what the nearest one scores, float32[m, lists] in ascending order.

        A list's score is the inner product of query and centroid divided by the query's length. For L2 it is the
        squared distance with a minus in front.
        """
        distances = self._rank_lists(self._transform(queries))[0]
        half = distances[:, :1] / 2
        return np.asarray(distances - half if self._is_l2 else (half - distances) / self._lengths(queries), np.float32)

    def searches(self, queries: Float32, reach: Reach, shares: int, selector: dict[str, Any]) -> list[Search]:
        """Up to ``shares`` searches, each in its share of the lists within reach of a query; fewer if these are short.

        Threads take turns in Python. What must be done in Python is therefore done here, once for all shares.
        """
        import faiss

        inside = self._transform(queries)
        lists, distances = self._lists_within(queries, inside, reach)
        shares = min(shares, lists.shape[1], 1 + int(lists.shape[1] * self._list_bytes) * len(queries) // SHARE_BYTES)
        lists, distances = _split_lists(lists, shares), _split_lists(distances, shares)
        parameters = faiss.SearchParametersIVF(nprobe=lists.shape[2], **selector)
        return [partial(self._search, inside, *share, parameters) for share in zip(lists, distances, strict=True)]

    def _search(
        self, inside: Float32, lists: Int64, list_distances: Float32, parameters: Any, count: int
    ) -> tuple[Float32, Int64]:
        import faiss

        faiss.omp_set_num_threads(1)
        distances, ids = np.empty((len(inside), count), np.float32), np.empty((len(inside), count), np.int64)
        arrays = [faiss.swig_ptr(array) for array in (lists, list_distances, distances, ids)]
        try:
            self._faiss.search_preassigned_c(
                len(inside), faiss.swig_ptr(inside), count, *arrays, False, parameters, None
            )
        except RuntimeError:  # some take no selector
            if parameters.sel is None:
                raise
            without = faiss.SearchParametersIVF(nprobe=parameters.nprobe)
            return self._search(inside, lists, list_distances, without, count)
        return distances, ids

    def _lists_within(self, queries: Float32, inside: Float32, reach: Reach) -> tuple[Int64, Float32]:
        """Numbers and distances of lists, nearest first, int64[m, n] and float32[m, n]; the number -1 for none."""
        distances, lists = self._rank_lists(inside)
        if reach.margin is None:
            number = max(1, min(reach.effort, lists.shape[1]))
            return lists[:, :number], distances[:, :number]
        counts = self._mark_near_lists(queries, distances, reach.margin).sum(axis=1)
        counts = np.minimum(np.ceil(counts * reach.widening).astype(np.int64), lists.shape[1])
        number = int(counts.max(initial=1))  # the nearest list is looked at in any case
        lists, distances = lists[:, :number], distances[:, :number]
        if len(lists) == 1:
            return lists, distances
        return np.where(np.arange(number) < np.maximum(counts, 1)[:, None], lists, -1), distances

    def _transform(self, queries: Float32) -> Float32:
        for transform in self._transforms:
            queries = transform.apply(queries)
        return queries

    def _rank_lists(self, inside: Float32) -> tuple[Float32, Int64]:
        """All lists with their distances as FAISS has them, nearest first; in this thread, unlike NumPy's product."""
        nearest: tuple[Float32, Int64] = self._centroids.search(inside, self._centroids.ntotal)
        return nearest

    def _mark_near_lists(self, queries: Float32, distances: Float32, margin: float) -> npt.NDArray[np.bool_]:
        """Which lists are no farther behind than that."""
        half = distances[:, :1] / 2
        if self._is_l2:
            return np.asarray(distances <= half + margin)
        return np.asarray(distances >= half - margin * self._lengths(queries))

    def _lengths(self, queries: Float32) -> Float32 | float:
        """What inner products are divided by: the length of each query, float32[m, 1], or 1 if the index does it."""
        if self._normalises:
            return 1.0
        lengths: Float32 = np.sqrt(np.einsum("md,md->m", queries, queries))
        return np.maximum(lengths, SHORTEST)[:, None]


def _split_lists(of_lists: npt.NDArray[Any], shares: int) -> npt.NDArray[Any]:
    """Every ``shares``-th column for each share, [m, n] to [shares, m, ceil(n / shares)]; -1 fills up the last."""
    missing = -of_lists.shape[1] % shares
    if missing:
        of_lists = np.pad(of_lists, ((0, 0), (0, missing)), constant_values=-1)
    return np.ascontiguousarray(of_lists.reshape(len(of_lists), of_lists.shape[1] // shares, shares).transpose(2, 0, 1))
