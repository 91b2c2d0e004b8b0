"""The OpenVINO runtime: the fastest measured on a CPU, and without torch it starts in a tenth of the time.

Two ways of compiling one graph: all threads on one batch, for the least latency, and one stream a
thread with several batches in flight, for throughput. Compiled graphs are kept in the cache folder.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Precision
from semsearch.common.environment import core_count
from semsearch.common.errors import StorageError
from semsearch.common.forks import is_fork_waiting, keep_for_ever, let_fork, renew_in_child, unforked
from semsearch.encoder.batching import pad, pad_pairs, plan
from semsearch.encoder.cache import publish_sealed, read_sealed, short_digest
from semsearch.encoder.runtimes.conversion import ConvertedModel
from semsearch.encoder.runtimes.openvino_core import import_openvino, openvino_core
from semsearch.encoder.runtimes.runtime import Progress
from semsearch.encoder.spec import EncoderSpec

__all__ = ["OpenVinoRuntime"]

REQUESTS_PER_STREAM = 2
"""So that a stream finds its next batch waiting when it finishes one."""
SHARED_GRAPHS = 4
"""Compiled graphs that are kept when their encoders are gone.

Encoders of one model share them: who opens one collection after the other compiles once, and has the weights once
in memory.
"""
KERNELS_KEPT = 32
"""Kernels of each kind that a stream keeps for shapes it has seen, when it works through a corpus.

A kernel is made for each shape of a batch, and OpenVINO keeps 5,000 of a kind: half a megabyte for each new shape.
Measured: 66 MB less after 200 shapes, and no slower.
"""


class OpenVinoRuntime:
    """Runs the converted graph on the CPU; thread-safe."""

    name = "openvino"

    def __init__(self, spec: EncoderSpec, model: ConvertedModel, precision: Precision, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._pad_id = spec.pad_id
        self._lock = threading.RLock()
        self._graphs: dict[tuple[object, ...], _Graph] = {}
        self.dimension = model.dimension
        self.precision = self._choose_precision(precision)
        renew_in_child(self)

    def after_fork(self) -> None:
        """Forget graphs, whose threads are the parent's; a child compiles its own."""
        self._lock, self._graphs = threading.RLock(), {}

    def fill_pooled(
        self,
        ids: Sequence[Sequence[int]],
        out: Float32,
        progress: Progress | None = None,
        segments: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Write one vector per text into ``out``."""
        batches = plan([len(row) for row in ids], self._threads)
        streams = 1 if len(batches) == 1 else self._threads
        graph = self._graph(("pooled",), self.precision, streams)
        for batch, (vectors,) in graph.run(ids, batches, self._pad_id, segments):
            out[batch] = vectors
            if progress:
                progress(len(batch))

    def compute_hidden(
        self, ids: Sequence[Sequence[int]], layers: tuple[int, ...], *, reduced: bool = False
    ) -> list[Float32]:
        """Mean of the layers' token vectors, one float32[tokens, hidden size] a text."""
        computed = sorted(set(layers))  # OpenVINO crashes on a graph that gives one thing out twice
        batches = plan([len(row) for row in ids], streams=self._threads if reduced else 1)
        streams = self._threads if reduced and len(batches) > 1 else 1
        precision = self.precision if reduced else Precision.F32
        graph = self._graph(tuple(f"hidden-{layer}" for layer in computed), precision, streams)
        vectors: list[Float32] = [np.empty((0, 0), np.float32)] * len(ids)
        for batch, states in graph.run(ids, batches, self._pad_id):
            chosen = [states[computed.index(layer)] for layer in layers]
            mean: Float32 = chosen[0] if len(chosen) == 1 else np.mean(chosen, axis=0, dtype=np.float32)
            for row, number in enumerate(batch):
                vectors[number] = mean[row, : len(ids[number])].copy()
        return vectors

    def static_vectors(self) -> Float32:
        """The input embedding table, straight from the model's weight file."""
        import safetensors

        with safetensors.safe_open(self._model.static_file, framework="np") as file:
            return np.ascontiguousarray(file.get_tensor(self._model.static_key), dtype=np.float32)

    def _choose_precision(self, precision: Precision) -> Precision:
        native = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision is Precision.AUTO:
            return Precision.BF16 if native else Precision.F32
        return precision

    def _graph(self, outputs: tuple[str, ...], precision: Precision, streams: int) -> _Graph:
        key = (outputs, precision, streams)
        with unforked(), self._lock:
            if key not in self._graphs:
                self._graphs[key] = _load_graph(self._model, *key, self._threads)
            return self._graphs[key]


@functools.lru_cache(SHARED_GRAPHS)
def _load_graph(
    model: ConvertedModel, outputs: tuple[str, ...], precision: Precision, streams: int, threads: int
) -> _Graph:
    settings = {
        "INFERENCE_PRECISION_HINT": precision.value,
        "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT",
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": threads,
        # Pinned threads find their caches again; but with fewer threads than cores, two processes would
        # pin theirs to the same ones.
        "ENABLE_CPU_PINNING": threads >= core_count(),
        "CACHE_MODE": "OPTIMIZE_SIZE",  # the blob refers to the weights file instead of repeating it
    }
    if streams > 1:
        settings["CPU_RUNTIME_CACHE_CAPACITY"] = KERNELS_KEPT
    core = openvino_core()
    machine = [core.get_property("CPU", "FULL_DEVICE_NAME"), core.get_versions("CPU")["CPU"].build_number]
    blob = model.folder / f"{short_digest([outputs, settings, machine])}.blob"
    return _Graph(_read_blob(blob, model, settings) or _compile_graph(blob, model, outputs, settings), streams)


def _read_blob(blob: Path, model: ConvertedModel, settings: dict[str, Any]) -> Any:
    """The compiled graph that an earlier process left of this very model, unless it is missing or damaged."""
    content = read_sealed(blob, model.digest)
    if content is None:
        return None
    with suppress(RuntimeError):  # of a processor with other instructions, for one
        return openvino_core().import_model(content, "CPU", settings | {"WEIGHTS_PATH": str(model.weights)})
    return None


def _compile_graph(blob: Path, model: ConvertedModel, outputs: tuple[str, ...], settings: dict[str, Any]) -> Any:
    whole = openvino_core().read_model(model.graph)
    wanted = [whole.output(name) for name in outputs]
    part = import_openvino().Model(wanted, whole.get_parameters())
    compiled = openvino_core().compile_model(part, "CPU", settings)
    content = compiled.export_model().getvalue()
    with suppress(StorageError):  # a blob that cannot be kept costs the next process a quarter second
        publish_sealed(blob, content, model.digest)
    return compiled


class _Graph:
    """A compiled graph and the infer requests that are free."""

    def __init__(self, compiled: Any, streams: int) -> None:
        self._compiled = compiled
        self._in_flight = 1 if streams == 1 else streams * REQUESTS_PER_STREAM
        self._free: deque[Any] = deque()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Nobody may use this graph in the child, nor destroy it: it would wait for its threads."""
        keep_for_ever(self)
        _load_graph.cache_clear()

    def run(
        self,
        ids: Sequence[Sequence[int]],
        batches: Sequence[Int64],
        pad_id: int,
        segments: Sequence[Sequence[int]] | None = None,
    ) -> Iterator[tuple[Int64, list[Float32]]]:
        """Each batch with its outputs, in the order given; the arrays are valid until the next step."""
        waiting: deque[tuple[Int64, Any]] = deque()
        with unforked(), self._borrow(min(self._in_flight, len(batches))) as requests:
            for batch in batches:
                while is_fork_waiting() and waiting:
                    yield from self._finish(waiting, requests)
                if is_fork_waiting():
                    let_fork()
                if not requests:
                    yield from self._finish(waiting, requests)
                request = requests.pop()
                inputs = pad(ids, batch, pad_id) if segments is None else pad_pairs(ids, segments, batch, pad_id)
                request.start_async(dict(enumerate(inputs)))
                waiting.append((batch, request))
            while waiting:
                yield from self._finish(waiting, requests)

    def _finish(self, waiting: deque[tuple[Int64, Any]], requests: list[Any]) -> Iterator[tuple[Int64, list[Float32]]]:
        """Wait for the batch that was started first, without holding the interpreter lock."""
        batch, request = waiting.popleft()
        request.wait()
        yield batch, [tensor.data for tensor in request.output_tensors]
        requests.append(request)

    @contextmanager
    def _borrow(self, count: int) -> Iterator[list[Any]]:
        requests = []
        for _ in range(count):
            try:
                requests.append(self._free.pop())
            except IndexError:
                requests.append(self._compiled.create_infer_request())
        lent = list(requests)
        try:
            yield requests
        finally:
            for request in lent:
                request.wait()  # after an error some may still be computing
            self._free.extend(lent)
