"""One contestant of the benchmark ``neighbours``: our index over a vector file, as a collection has it.

``python -m benchmarks.neighbours.worker JOB.json`` builds, or with ``"open"`` in the job opens what is there,
and prints figures as JSON. Neighbours that it finds are left beside as ``.npy`` for the judge.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reporting.processes import OwnPeak, peak_mb, private_mb
from semsearch.common.documents import Metric
from semsearch.common.environment import thread_count
from semsearch.common.threads import run
from semsearch.index import ApproximateIndex, Measured, Part, Plan, Point, Reach, Rows, Searcher, Target
from semsearch.storage.tables.indexes import IndexFile
from semsearch.storage.vectors.file import VectorFile
from semsearch.storage.vectors.index_builder import IndexBuilder
from semsearch.storage.vectors.index_state import IndexState

APPEND = 16_384
K = 10
TRIES = 3
SINGLE_EXACT = 20
SAMPLE = 400
"""Stored rows that say how far an effort reaches."""


def store(job: dict[str, Any]) -> None:
    """Write the vector file, as adding documents does; ``noise`` makes further rows of given ones."""
    vectors = np.load(job["rows"], mmap_mode="r")
    file = VectorFile(Path(job["folder"]) / "vectors-0.f16", vectors.shape[1])
    file.create()
    random = np.random.default_rng(1)
    for first in range(0, job["count"], APPEND):
        ids = np.arange(first, min(first + APPEND, job["count"]))
        block = np.asarray(vectors[ids % len(vectors)], np.float32)
        repeated = block[np.searchsorted(ids, len(vectors)) :]
        repeated += job["noise"] * random.standard_normal(repeated.shape, np.float32)
        repeated /= np.linalg.norm(repeated, axis=1, keepdims=True)
        file.append(first, block)


def build(job: dict[str, Any]) -> dict[str, Any]:
    folder = Path(job["folder"])
    with OwnPeak() as own:
        store(job)
        file = VectorFile(folder / "vectors-0.f16", job["dimension"])
        started = time.perf_counter()
        rows = Rows(file.open(job["count"]), job["dimension"], Metric.COSINE)
        builder = IndexBuilder(folder, rows, lambda first: f"index-1-{first}.faiss")
        state = builder.renew(IndexState(factory=job.get("factory"), target=Target(recall=job["target"])))
        seconds = time.perf_counter() - started
    (folder / "state.json").write_text(json.dumps(asdict(state)), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.glob("index-*"))
    return {
        "build_seconds": round(seconds, 2),
        "build_own_peak_mb": round(own.mb),
        "build_peak_mb": round(peak_mb()),
        "index_bytes": size,
        "factory": state.plan.factory if state.plan else "exact",
        "parts": len(state.files),
        "measured": state.measured.to_json() if state.measured else None,
    }


def ask(job: dict[str, Any]) -> dict[str, Any]:
    folder = Path(job["folder"])
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    file = VectorFile(folder / "vectors-0.f16", job["dimension"])
    import faiss  # noqa: F401 - its import is not a part of opening

    before = private_mb()
    started = time.perf_counter()
    records = [IndexFile(**one) for one in state["files"]]
    alone = thread_count() if len(records) == 1 else 1
    reading = [partial(Part.read, folder / one.file, one.sha256, one.first, alone) for one in records]
    parts = run(reading, thread_count())  # as a snapshot does
    rows = Rows(file.open(job["count"]), job["dimension"], Metric.COSINE)
    opened = time.perf_counter() - started
    index = ApproximateIndex(parts, Metric.COSINE)
    queries = np.load(job["queries"])
    memory = private_mb() - before
    chosen = Measured(**state["measured"]).point if state["measured"] else Point(Reach(1), 0)
    searcher = Searcher(rows, index, chosen, thread_count())
    searcher.search(queries[:20], K)
    figures = {
        "plan": asdict(Plan(**state["plan"])) if state["plan"] else None,
        "open_ms": round(1000 * opened, 1),
        "private_mb": round(memory, 1),
        "private_mb_searched": round(private_mb() - before, 1),
        "points": [],
    }
    for number, point in enumerate(_points(job, rows, index, chosen)):
        timed = _timed(Searcher(rows, index, point, thread_count()), queries, job, f"ours-{number}.npy")
        figures["points"].append(asdict(point) | timed)
    if job.get("exact"):
        figures["exact"] = _timed(searcher.without_index(), queries, job, "ours-exact.npy", exact=True)
    return figures


def _points(job: dict[str, Any], rows: Rows, index: ApproximateIndex, chosen: Point) -> list[Point]:
    """Those of the job, or all that its shares of the lists and its numbers of candidates give."""
    if "points" in job:
        return [Point(Reach(**one["reach"]), one["candidates"]) for one in job["points"]]
    some = rows.take(np.arange(0, len(rows), max(1, len(rows) // SAMPLE)))
    reaches = [chosen.reach, *(index.reach(some, round(share * index.effort_limit)) for share in job["shares"])]
    points = (Point(reach, count or chosen.candidates) for reach in reaches for count in job["candidates"])
    return list(dict.fromkeys(points))


def _timed(
    searcher: Searcher, queries: np.ndarray, job: dict[str, Any], name: str, exact: bool = False
) -> dict[str, Any]:
    times, batches = [], []
    for _ in range(1 if exact else TRIES):  # first, so that the pages that single queries want have been touched
        started = time.perf_counter()
        _, ids = searcher.search(queries, K)
        batches.append(len(queries) / (time.perf_counter() - started))
    for query in queries[: SINGLE_EXACT if exact else job["singles"]]:
        started = time.perf_counter()
        searcher.search(query[None], K)
        times.append(1000 * (time.perf_counter() - started))
    np.save(Path(job["folder"]) / name, ids)
    p50, p95 = np.percentile(times, (50, 95))
    return {
        "p50_ms": round(p50, 3),
        "p95_ms": round(p95, 3),
        "batch_per_second": round(float(np.median(batches))),
        "ids": name,
    }


if __name__ == "__main__":
    wanted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps({"build": build, "ask": ask}[wanted["do"]](wanted)))
