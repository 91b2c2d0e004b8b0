"""The lists of an inverted file, and which of them a query looks at: those that are near enough to it.

A fixed number of lists (``nprobe``) is more than a query in the midst of one needs, and less than one between many
does. Measured on a million sentences, a fifth fewer rows are scanned for the same neighbours if each query looks at
the lists that score half as much as the nearest one, less a margin that is the same for all queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from semsearch.types import Float32, Int64

__all__ = ["Lists", "Reach", "Search"]

Search = Callable[[], tuple[Float32, Int64]]
"""A search that is ready to run: distances float32[m, count] and row numbers int64[m, count], -1 for none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a query looks: ``effort`` is ``nprobe`` of an inverted file, ``efSearch`` of a graph.

    With a ``margin``, the lists of an inverted file count that are no farther behind, and ``effort`` says how many
    they are on the average.
    """

    effort: int
    margin: float | None = None


class Lists:
    """An inverted file below its transforms; its centroids are compared with a query one by one."""

    def __init__(self, whole: Any, transforms: list[Any], inverted_file: Any) -> None:
        import faiss

        self._whole = whole  # owns the others
        self._transforms = transforms
        self._faiss = inverted_file
        self._is_l2 = inverted_file.metric_type == faiss.METRIC_L2

    def distances_behind(self, queries: Float32) -> Float32:
        """How far each list is behind half of what the nearest one scores, float32[m, lists] in ascending order.

        The score of a list is the inner product of query and centroid, of which the query's length is taken out, or
        their squared distance with a minus in front.
        """
        return self._behind(queries, self._nearest(self._transformed(queries))[0])

    def searches(
        self, queries: Float32, count: int, reach: Reach, shares: int, selector: dict[str, Any]
    ) -> list[Search]:
        """For the about ``count`` nearest rows: searches in every ``shares``-th of the lists within reach of a query.

        Threads wait for each other in Python: what there is to do in it is done here, once for all shares.
        """
        inside = self._transformed(queries)
        lists, distances = self._within(queries, inside, reach)
        kept = [slice(number, None, shares) for number in range(min(shares, lists.shape[1]))]
        return [
            partial(
                self._search,
                inside,
                count,
                np.ascontiguousarray(lists[:, share]),
                np.ascontiguousarray(distances[:, share]),
                selector,
            )
            for share in kept
        ]

    def _search(
        self, inside: Float32, count: int, lists: Int64, list_distances: Float32, selector: dict[str, Any]
    ) -> tuple[Float32, Int64]:
        try:
            return self._found(inside, count, lists, list_distances, selector)
        except RuntimeError:  # some take no selector
            if not selector:
                raise
            return self._found(inside, count, lists, list_distances, {})

    def _found(
        self, inside: Float32, count: int, lists: Int64, list_distances: Float32, selector: dict[str, Any]
    ) -> tuple[Float32, Int64]:
        import faiss

        faiss.omp_set_num_threads(1)
        distances, ids = np.empty((len(inside), count), np.float32), np.empty((len(inside), count), np.int64)
        self._faiss.search_preassigned_c(
            len(inside),
            faiss.swig_ptr(inside),
            count,
            faiss.swig_ptr(lists),
            faiss.swig_ptr(list_distances),
            faiss.swig_ptr(distances),
            faiss.swig_ptr(ids),
            False,
            faiss.SearchParametersIVF(nprobe=lists.shape[1], **selector),
            None,
        )
        return distances, ids

    def _within(self, queries: Float32, inside: Float32, reach: Reach) -> tuple[Int64, Float32]:
        """Numbers and distances of lists, nearest first, int64[m, n] and float32[m, n]; the number -1 for none."""
        distances, lists = self._nearest(inside)
        if reach.margin is None:
            number = max(1, min(reach.effort, lists.shape[1]))
            return lists[:, :number], distances[:, :number]
        counts = (self._behind(queries, distances) <= reach.margin).sum(axis=1)
        number = int(counts.max(initial=1))  # the nearest list is looked at in any case
        near = np.arange(number) < np.maximum(counts, 1)[:, None]
        return np.where(near, lists[:, :number], -1), distances[:, :number]

    def _transformed(self, queries: Float32) -> Float32:
        for transform in self._transforms:
            queries = transform.apply(queries)
        return queries

    def _nearest(self, inside: Float32) -> tuple[Float32, Int64]:
        """All lists with their distances as FAISS has them, nearest first; in this thread, unlike NumPy's product."""
        found: tuple[Float32, Int64] = self._faiss.quantizer.search(inside, self._faiss.nlist)
        return found

    def _behind(self, queries: Float32, distances: Float32) -> Float32:
        if self._is_l2:
            return np.asarray(distances - distances[:, :1] / 2, np.float32)
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        scores = distances / np.where(lengths > 0, lengths, 1)
        return np.asarray(scores[:, :1] / 2 - scores, np.float32)
