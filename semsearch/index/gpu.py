"""Exact search on a GPU, with the same answers: it proposes, and the scores are computed as everywhere else.

FAISS does the scan where the installed FAISS has its GPU part, the rows divided among all GPUs; else torch
does, block by block, with the same code on every device that torch knows.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metric
from semsearch.common.errors import DeviceError
from semsearch.index.bitmaps import Bitmap, contains
from semsearch.index.rows import RankedRows, Rows, RowSource, faiss_metric

__all__ = ["GpuRows", "TorchScan"]

SPARE = 16
"""Candidates beside those that are wanted, since the last digits of a GPU's scores are its own."""
BLOCK_ROWS = 1 << 18
ORIGIN_ROWS = 4096
LARGEST_K = 2048
"""Most results that FAISS's GPU kernels give."""


class Scan(Protocol):
    """Finds likely nearest rows on a device."""

    def candidates(self, queries: Float32, count: int, allowed: Bitmap | None) -> Int64 | None:
        """The nearest allowed rows, int64[m, <= count], -1 for none; ``None`` if this scan cannot tell."""


class GpuRows(Rows):
    """Rows that are scanned on a GPU, to whose memory they are copied once, as float16.

    ``device`` is ``cuda``, or for torch also ``cuda:1`` and the like. Raises :class:`DeviceError`.
    """

    def __init__(self, source: RowSource, dimension: int, metric: Metric, device: str) -> None:
        super().__init__(source, dimension, metric)
        self._scan_on_device: Scan = (
            _faiss_scan(self) if device == "cuda" and _faiss_gpus() else TorchScan(self, device)
        )

    def _find(self, queries: Float32, start: int, end: int, allowed: Bitmap | None, threads: int, k: int) -> RankedRows:
        """As on the CPU; only scans of all rows use the device."""
        if len(self) and (start, end) == (0, len(self)):
            candidates = self._scan_on_device.candidates(queries, min(k + SPARE, len(self)), allowed)
            if candidates is not None:
                return self._score_candidates(queries, candidates, k)
        return super()._find(queries, start, end, allowed, threads, k)


class TorchScan:
    """A blockwise scan with torch, in float32."""

    def __init__(self, rows: Rows, device: str) -> None:
        import torch

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise DeviceError(
                f"there is no device {device!r}: neither the installed FAISS nor the installed torch finds a CUDA GPU; "
                "leave --device out, or install builds for CUDA"
            )
        self._torch = torch
        self._metric = rows.metric
        self._device = device
        blocks = (
            rows.block(first, min(first + BLOCK_ROWS, len(rows))).astype(np.float16)
            for first in range(0, len(rows), BLOCK_ROWS)
        )
        try:
            self._blocks = [torch.from_numpy(block).to(device) for block in blocks]
            # Distances are differences of squares, which cancel out far from the origin: they are taken from here.
            far = rows.metric is Metric.L2 and len(rows) > 0
            self._origin = rows.block(0, min(ORIGIN_ROWS, len(rows))).mean(axis=0) if far else None
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise DeviceError(f"torch cannot use the device {device!r} ({reason:.120}); choose cpu or cuda") from error

    def candidates(self, queries: Float32, count: int, allowed: Bitmap | None) -> Int64 | None:
        """The nearest allowed rows to each query."""
        torch = self._torch
        wanted = torch.from_numpy(queries if self._origin is None else queries - self._origin).to(self._device)
        scores, ids = [], []
        first = 0
        for block in self._blocks:
            compared = self._compare(wanted, block.float())
            if allowed is not None:
                inside = contains(allowed, np.arange(first, first + len(block)))
                compared[:, ~torch.from_numpy(inside).to(self._device)] = -torch.inf
            top = compared.topk(min(count, len(block)), dim=1)
            scores.append(top.values)
            ids.append(torch.where(top.values > -torch.inf, top.indices + first, -1))
            first += len(block)
        together = torch.cat(ids, dim=1)
        order = torch.cat(scores, dim=1).topk(min(count, together.shape[1]), dim=1).indices
        return np.asarray(together.gather(1, order).cpu().numpy(), dtype=np.int64)

    def _compare(self, queries: Any, block: Any) -> Any:
        """Scores in the order of the metric's, float32[m, rows]."""
        if self._origin is None:
            return queries @ block.T
        block = block - self._torch.from_numpy(self._origin).to(self._device)
        return queries @ block.T * 2 - (block * block).sum(dim=1)


class FaissScan:
    """FAISS's flat index on all GPUs, each with a share of the rows; it takes no filter."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def candidates(self, queries: Float32, count: int, allowed: Bitmap | None) -> Int64 | None:
        """The nearest rows; with a filter so many more that the allowed ones are among them; ``None`` if too many."""
        hidden = 0 if allowed is None else self._index.ntotal - int(np.bitwise_count(allowed).sum(dtype=np.int64))
        if count + hidden > min(LARGEST_K, self._index.ntotal):
            return None
        _, ids = self._index.search(np.ascontiguousarray(queries), count + hidden)
        if allowed is None:
            return np.asarray(ids, dtype=np.int64)
        return np.where((ids >= 0) & contains(allowed, np.maximum(ids, 0)), ids, -1)


def _faiss_gpus() -> int:
    """Number of GPUs that the installed FAISS can use."""
    import faiss

    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def _faiss_scan(rows: Rows) -> FaissScan:
    import faiss

    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16 = True
    options.shard = True
    empty = faiss.IndexFlat(rows.dimension, faiss_metric(rows.metric))
    index = faiss.index_cpu_to_all_gpus(empty, co=options)
    for first in range(0, len(rows), BLOCK_ROWS):
        index.add(rows.block(first, min(first + BLOCK_ROWS, len(rows))))
    return FaissScan(index)
