"""A part of an approximate index: some neighbouring rows in a FAISS index of their own, and in a file.

A large collection has several parts. Threads share out a search among them, new rows touch the last part
only, and each is trained on its own rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metric
from semsearch.common.durable import write_beside
from semsearch.common.environment import thread_count
from semsearch.common.errors import InputError
from semsearch.common.open_files import comes_of_too_many_files
from semsearch.common.unicode import one_line
from semsearch.index.bitmaps import Bitmap
from semsearch.index.faiss_files import innermost, read_index, write_index
from semsearch.index.file_digest import Digest, has_digest
from semsearch.index.inverted_lists import Lists, Reach, Search
from semsearch.index.rows import faiss_metric

__all__ = ["Part", "check_factory", "pad", "padded_dimension"]

PADDED_TO = 4
"""A product quantizer wants a dimension that its number of sub-vectors divides; zeros change no score."""
QUANTIZER_ITERATIONS = 10
GRAPH_EFFORT = 1024
"""Largest ``efSearch`` that is tried; a scan is faster from there."""


class Part:
    """Rows ``first`` … ``end`` - 1 under a FAISS index, which numbers them from 0."""

    def __init__(self, faiss_index: Any, first: int) -> None:
        self._faiss = faiss_index
        self.first = first
        self.end = first + int(faiss_index.ntotal)
        self._inner = innermost(faiss_index)
        self._lists = _wrap_lists(faiss_index)

    @classmethod
    def build(
        cls, factory: str, dimension: int, metric: Metric, first: int, sample: Float32, blocks: Iterable[Float32]
    ) -> Part:
        """Train an index of this FAISS factory string on ``sample`` and add the rows, which come as blocks."""
        import faiss

        index = _make_untrained_index(factory, dimension, metric)
        try:
            faiss.omp_set_num_threads(1)  # training is many small steps, which cost more to divide than to do
            index.train(pad(sample))
            for block in blocks:
                faiss.omp_set_num_threads(thread_count())  # for each: who reads the blocks may set it, too
                index.add(pad(block))
        except RuntimeError as error:
            raise _factory_error(factory, dimension, error) from error
        return cls(index, first)

    @classmethod
    def read(cls, path: Path, sha256: str, first: int, threads: int = 1) -> Part | None:
        """Map an index file, or ``None`` if its bytes are not the ones that were written.

        FAISS must not be trusted with a damaged file, so the checksum comes first. It takes most of the time to open
        a collection; threads can share it.
        """
        try:
            return cls(read_index(path), first) if has_digest(path, sha256, threads) else None
        except (OSError, RuntimeError) as error:  # the latter is FAISS's
            if comes_of_too_many_files(error):  # which says nothing of this file
                raise
            return None

    def write(self, path: Path) -> str:
        """Write the file ``path``, which appears whole or not at all; return the checksum of its bytes."""
        digest = Digest()
        with write_beside(path) as file:

            def write(piece: bytes) -> None:
                digest.update(piece)
                file.write(piece)

            write_index(self._faiss, write)
        return digest.hexdigest()

    @property
    def effort_limit(self) -> int:
        """The largest sensible effort: the number of lists of an inverted file; 0 where nothing can be set."""
        import faiss

        if isinstance(self._inner, faiss.IndexIVF):
            return int(self._inner.nlist)
        return GRAPH_EFFORT if isinstance(self._inner, faiss.IndexHNSW) else 0

    def distances_behind(self, queries: Float32) -> Float32 | None:
        """How far lists are behind, as :class:`Lists` has it; ``None`` if there is no choice of lists."""
        return self._lists.distances_behind(pad(queries)) if self._lists else None

    def searches(self, queries: Float32, reach: Reach, allowed: Bitmap | None = None, shares: int = 1) -> list[Search]:
        """For the nearest rows, numbered from 0, with FAISS's own distances: up to ``shares`` searches.

        Each looks at a share of an inverted file's lists; an index without lists has one. An index that refuses
        selectors gives rows that are not ``allowed`` too, which the caller must drop in any case.
        """
        import faiss

        faiss.omp_set_num_threads(1)
        queries, selector = pad(queries), {} if allowed is None else {"sel": faiss.IDSelectorBitmap(allowed)}
        if self._lists:
            return self._lists.searches(queries, reach, shares, selector)
        return [partial(self._search, queries, reach.effort, selector)]

    def _search(self, queries: Float32, effort: int, selector: dict[str, Any], count: int) -> tuple[Float32, Int64]:
        import faiss

        faiss.omp_set_num_threads(1)
        try:
            distances, ids = self._faiss.search(queries, count, params=self._parameters(effort, selector))
        except RuntimeError:
            if not selector:
                raise
            return self._search(queries, effort, {}, count)
        return distances, ids

    def _parameters(self, effort: int, selector: dict[str, Any]) -> Any:
        """FAISS's search parameters; ``None`` for an index without any and no filter, since some refuse all."""
        import faiss

        if isinstance(self._inner, faiss.IndexIVF):
            parameters = faiss.SearchParametersIVF(nprobe=max(1, min(effort, self._inner.nlist)), **selector)
        elif isinstance(self._inner, faiss.IndexHNSW):
            parameters = faiss.SearchParametersHNSW(efSearch=max(1, effort), **selector)
        else:
            parameters = faiss.SearchParameters(**selector) if selector else None
        if parameters is not None and isinstance(self._faiss, faiss.IndexPreTransform):
            return faiss.SearchParametersPreTransform(index_params=parameters)
        return parameters


def padded_dimension(dimension: int) -> int:
    """The dimension of vectors inside FAISS."""
    return -(-dimension // PADDED_TO) * PADDED_TO


def pad(vectors: Float32) -> Float32:
    """Vectors as FAISS gets them, with zeros at their end."""
    missing = padded_dimension(vectors.shape[1]) - vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(vectors, dtype=np.float32)


def _wrap_lists(index: Any) -> Lists | None:
    """The lists of an inverted file, if there are several, whose centroids are compared one by one."""
    import faiss

    whole, transforms = index, []
    while isinstance(index, faiss.IndexPreTransform):
        transforms += [index.chain.at(number) for number in range(index.chain.size())]
        index = faiss.downcast_index(index.index)
    if not isinstance(index, faiss.IndexIVF) or index.nlist == 1:
        return None
    flat = isinstance(faiss.downcast_index(index.quantizer), faiss.IndexFlat)
    return Lists(whole, transforms, index) if flat else None


def check_factory(factory: str, dimension: int, metric: Metric) -> None:
    """Raise :class:`InputError` if FAISS knows no such index of this dimension."""
    _make_untrained_index(factory, dimension, metric)


def _make_untrained_index(factory: str, dimension: int, metric: Metric) -> Any:
    """An untrained index, with settings that a factory string cannot express."""
    import faiss

    try:
        index = faiss.index_factory(padded_dimension(dimension), factory, faiss_metric(metric))
    except RuntimeError as error:  # FAISS raises it for whatever does not fit
        raise _factory_error(factory, dimension, error) from error
    inner = innermost(index)
    if isinstance(inner, faiss.IndexIVF):
        inner.cp.niter = QUANTIZER_ITERATIONS
        inner.cp.min_points_per_centroid = 1  # else FAISS prints warnings
    if hasattr(inner, "pq"):
        inner.pq.cp.min_points_per_centroid = 1
    if isinstance(inner, faiss.IndexIVFPQFastScan):
        inner.by_residual = False  # codewords of residuals are too short for products, see quantized.py
    return index


def _factory_error(factory: str, dimension: int, error: RuntimeError) -> InputError:
    reason = re.sub(r"^.*\.cpp:\d+: ", "", one_line(error))[:200]
    return InputError(
        f"FAISS cannot build an index {factory!r} of {dimension} dimensions ({reason}); choose another factory, or auto"
    )
