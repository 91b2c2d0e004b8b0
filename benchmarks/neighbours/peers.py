"""Graph indexes of peers over given vectors: ``python neighbours.py JOB.json`` prints figures as JSON.

Each as its documentation builds it, with both threads; one query at a time is asked by one thread.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

K = 10
TRIES = 3


def private_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:"))


class _Hnswlib:
    def __init__(self, job):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=job["dimension"])
        self.index.init_index(max_elements=job["count"], M=16, ef_construction=200, random_seed=1)
        self.index.set_num_threads(job["threads"])

    def add(self, block, ids):
        self.index.add_items(block, ids)

    def effort(self, value):
        self.index.set_ef(value)

    def search(self, queries, threads):
        return self.index.knn_query(queries, k=K, num_threads=threads)[0]


class _Usearch:
    def __init__(self, job):
        from usearch.index import Index

        self.threads = job["threads"]
        self.index = Index(ndim=job["dimension"], metric="ip", dtype="bf16")

    def add(self, block, ids):
        self.index.add(ids.astype(np.uint64), block, threads=self.threads)

    def effort(self, value):
        self.index.expansion_search = value

    def search(self, queries, threads):
        found = self.index.search(queries, K, threads=threads).keys
        return np.asarray(found).reshape(len(queries), -1).astype(np.int64)


class _Faiss:
    def __init__(self, job):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(job["threads"])
        self.index = faiss.index_factory(job["dimension"], "HNSW32,SQ8", faiss.METRIC_INNER_PRODUCT)

    def add(self, block, ids):  # noqa: ARG002 - numbered as they come
        if not self.index.is_trained:
            self.index.train(block)
        self.index.add(block)

    def effort(self, value):
        self.index.hnsw.efSearch = value

    def search(self, queries, threads):
        self.faiss.omp_set_num_threads(threads)
        return self.index.search(queries, K)[1]


CONTESTANTS = {"hnswlib": _Hnswlib, "usearch": _Usearch, "faiss-hnsw": _Faiss}


def main(job):
    vectors = np.load(job["rows"], mmap_mode="r")
    before = private_mb()
    contestant = CONTESTANTS[job["name"]](job)
    seconds = 0.0
    for first in range(0, job["count"], 50_000):
        block = np.asarray(vectors[first : first + 50_000], np.float32)
        ids = np.arange(first, first + len(block))
        started = time.perf_counter()
        contestant.add(block, ids)
        seconds += time.perf_counter() - started
    del block
    memory = private_mb() - before
    queries = np.load(job["queries"])
    points = []
    for effort in job["efforts"]:
        contestant.effort(effort)
        contestant.search(queries[:20], job["threads"])
        times, batches = [], []
        for query in queries[: job["singles"]]:
            started = time.perf_counter()
            contestant.search(query[None], 1)
            times.append(1000 * (time.perf_counter() - started))
        for _ in range(TRIES):
            started = time.perf_counter()
            ids = contestant.search(queries, job["threads"])
            batches.append(len(queries) / (time.perf_counter() - started))
        name = f"{job['name']}-{effort}.npy"
        np.save(Path(job["folder"]) / name, ids.astype(np.int64))
        p50, p95 = np.percentile(times, (50, 95))
        points.append(
            {
                "effort": effort,
                "p50_ms": round(p50, 3),
                "p95_ms": round(p95, 3),
                "batch_per_second": round(float(np.median(batches))),
                "ids": name,
            }
        )
    print(json.dumps({"build_seconds": round(seconds, 1), "private_mb": round(memory), "points": points}))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
