"""The PyTorch runtime: any model, CPU, CUDA or MPS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Precision
from semsearch.common.errors import DeviceError, UnsupportedModelError
from semsearch.common.forks import in_new_thread, unforked
from semsearch.encoder.batching import TOKEN_BUDGET, pad, pad_pairs, plan
from semsearch.encoder.runtimes.pairs import load_pair_pipeline
from semsearch.encoder.runtimes.pipeline import load_pipeline
from semsearch.encoder.runtimes.runtime import ModelKind, Progress
from semsearch.encoder.spec import EncoderSpec

__all__ = ["TorchRuntime"]

R = TypeVar("R")

ACCELERATOR_BUDGET = 64 * TOKEN_BUDGET
"""Tokens a batch on an accelerator, which needs far more at once to be busy."""


class TorchRuntime:
    """Runs the pipeline as it is."""

    name = "torch"

    def __init__(
        self,
        spec: EncoderSpec,
        device: str,
        precision: Precision,
        threads: int | None,
        kind: ModelKind = ModelKind.VECTORS,
    ) -> None:
        self.device = _choose_device(device)
        self._process = os.getpid()
        self._threads = threads or _default_threads()
        self.precision = Precision.BF16 if precision is Precision.BF16 else Precision.F32
        self._pad_id = spec.pad_id
        self._budget = TOKEN_BUDGET if self.device == "cpu" else ACCELERATOR_BUDGET
        load = load_pipeline if kind is ModelKind.VECTORS else load_pair_pipeline
        self._pipeline: Any = _compute(partial(load, spec, self.device))
        self.dimension = int(self._run([[0, 0, 0]], np.array([0]), self.precision)[0].shape[1])

    def fill_pooled(
        self,
        ids: Sequence[Sequence[int]],
        out: Float32,
        progress: Progress | None = None,
        segments: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Write one vector per text into ``out``."""
        for batch in self._batches(ids):
            out[batch] = self._run(ids, batch, self.precision, segments)[0].float().cpu().numpy()
            if progress:
                progress(len(batch))

    def compute_hidden(
        self, ids: Sequence[Sequence[int]], layers: tuple[int, ...], *, reduced: bool = False
    ) -> list[Float32]:
        """Mean of the layers' token vectors, one float32[tokens, hidden size] a text."""
        vectors: list[Float32] = [np.empty((0, 0), np.float32)] * len(ids)
        for batch in self._batches(ids):
            states = self._run(ids, batch, self.precision if reduced else Precision.F32)[1:]
            mean = torch.stack([states[layer] for layer in layers]).float().mean(0).cpu().numpy()
            for row, number in enumerate(batch):
                vectors[number] = mean[row, : len(ids[number])].copy()
        return vectors

    def static_vectors(self) -> Float32:
        """The input embedding table."""
        self._refuse_fork()
        table = self._pipeline.transformer.get_input_embeddings().weight
        return np.array(table.detach().float().cpu().numpy(), order="C")

    def _batches(self, ids: Sequence[Sequence[int]]) -> Iterator[Int64]:
        yield from plan([len(row) for row in ids], streams=1, budget=self._budget)

    def _run(
        self,
        ids: Sequence[Sequence[int]],
        batch: Int64,
        precision: Precision,
        segments: Sequence[Sequence[int]] | None = None,
    ) -> tuple[torch.Tensor, ...]:
        self._refuse_fork()
        pad_id = self._pad_id
        inputs = pad(ids, batch, pad_id) if segments is None else pad_pairs(ids, segments, batch, pad_id)
        return _compute(partial(self._run_here, inputs, precision))

    def _run_here(self, inputs: tuple[Int64, ...], precision: Precision) -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(self._threads)  # FAISS, in whose OpenMP it is the same number, has set its own
        reduced = precision is Precision.BF16
        with torch.inference_mode(), torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=reduced):
            result: tuple[torch.Tensor, ...] = self._pipeline(
                *(torch.from_numpy(values).to(self.device) for values in inputs)
            )
        return result

    def _refuse_fork(self) -> None:
        if self.device != "cpu" and self._process != os.getpid():
            raise _fork_error(self.device)


def _default_threads() -> int:
    """Torch's own choice, which a thread has that has not used FAISS."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def _compute(task: Callable[[], R]) -> R:
    with unforked():
        return in_new_thread(task)


def _fork_error(device: str) -> DeviceError:
    return DeviceError(
        f"the device {device!r} was used before this process was forked, and cannot be used here; start processes by "
        "'spawn' or 'forkserver', or load the encoder in them first, or for the cpu"
    )


def _choose_device(device: str) -> str:
    if device not in ("auto", "cpu") and torch.cuda._is_in_bad_fork():
        raise _fork_error(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() and not torch.cuda._is_in_bad_fork() else "cpu"
    kind = device.split(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(kind, False):
        raise UnsupportedModelError(f"device {device!r} is not on this machine; use --device cpu")
    return device
