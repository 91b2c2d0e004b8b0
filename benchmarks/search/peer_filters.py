"""Peers under filters, over given vectors: ``python peer_filters.py JOB.json`` prints figures as JSON.

Each as its documentation builds it, with the effort at which it first reaches the job's recall without a filter; one
query at a time. Only ids are asked for.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

K = 10
BLOCK = 5_000


class _Hnswlib:
    """A graph; the filter is a function that is called for each candidate."""

    efforts = (32, 64, 128, 256, 512)

    def __init__(self, vectors, values, folder):
        import hnswlib

        del folder
        self.values = values
        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), M=16, ef_construction=200, random_seed=1)
        self.index.add_items(vectors, np.arange(len(vectors)))
        self.index.set_num_threads(1)
        self.allowed = None

    def prepare(self, share):
        below = None if share is None else (self.values < share).tolist()
        self.allowed = None if below is None else below.__getitem__

    def search(self, query, effort):
        self.index.set_ef(effort)
        try:
            return self._ask(query, K)
        except RuntimeError:  # "Cannot return the results in a contiguous 2D array": fewer than k were found
            return None

    def ask_for_fewer(self, query):
        """As many as it finds, for the recall; it is not timed."""
        for k in range(K - 1, 0, -1):
            try:
                return self._ask(query, k)
            except RuntimeError:
                continue
        return []

    def _ask(self, query, k):
        return self.index.knn_query(query[None], k=k, num_threads=1, filter=self.allowed)[0][0]


class _LanceDB:
    """IVF with product quantization, refined by exact scores; the filter goes first."""

    efforts = ((20, 10), (50, 10), (50, 30), (100, 50), (200, 100), (400, 200))

    def __init__(self, vectors, values, folder):
        import lancedb
        import pyarrow as pa

        dimension = vectors.shape[1]

        def batches():
            for first in range(0, len(vectors), BLOCK):
                block = np.asarray(vectors[first : first + BLOCK], np.float32)
                array = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), dimension)
                numbers = pa.array(np.arange(first, first + len(block)))
                yield pa.RecordBatch.from_arrays(
                    [array, numbers, pa.array(values[first : first + len(block)])], ["vector", "id", "u"]
                )

        schema = pa.schema([("vector", pa.list_(pa.float32(), dimension)), ("id", pa.int64()), ("u", pa.float64())])
        self.table = lancedb.connect(folder).create_table("rows", batches(), schema=schema)
        self.table.create_index(metric="cosine", vector_column_name="vector")
        self.table.create_scalar_index("u")
        self.where = None

    def prepare(self, share):
        self.where = None if share is None else f"u < {share}"

    def search(self, query, effort):
        asked = self.table.search(query).metric("cosine").limit(K).nprobes(effort[0]).refine_factor(effort[1])
        if self.where:
            asked = asked.where(self.where, prefilter=True)
        return asked.select(["id"]).to_arrow()["id"].to_numpy()


class _Chroma:
    """A graph over vectors in memory, metadata in SQLite."""

    efforts = (256,)

    def __init__(self, vectors, values, folder):
        import chromadb

        client = chromadb.PersistentClient(folder, chromadb.Settings(anonymized_telemetry=False))
        configuration = {"hnsw": {"space": "cosine", "ef_search": self.efforts[0]}}
        self.collection = client.create_collection("rows", configuration=configuration, embedding_function=None)
        for first in range(0, len(vectors), BLOCK):
            block = np.asarray(vectors[first : first + BLOCK], np.float32)
            numbers = range(first, first + len(block))
            self.collection.add(
                ids=[str(number) for number in numbers],
                embeddings=block,
                metadatas=[{"u": float(values[number])} for number in numbers],
            )
        self.where = None

    def prepare(self, share):
        self.where = None if share is None else {"u": {"$lt": share}}

    def search(self, query, effort):
        del effort
        found = self.collection.query(query_embeddings=query[None], n_results=K, where=self.where, include=[])
        return [int(one) for one in found["ids"][0]]


class _Qdrant:
    """The client's local mode, which compares with every vector."""

    efforts = (0,)

    def __init__(self, vectors, values, folder):
        from qdrant_client import QdrantClient, models

        del folder
        self.models = models
        self.client = QdrantClient(":memory:")
        self.client.create_collection(
            "rows", models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE)
        )
        for first in range(0, len(vectors), BLOCK):
            block = np.asarray(vectors[first : first + BLOCK], np.float32)
            numbers = list(range(first, first + len(block)))
            payloads = [{"u": float(values[number])} for number in numbers]
            self.client.upload_collection("rows", block, payloads, numbers)
        self.filter = None

    def prepare(self, share):
        models = self.models
        below = None if share is None else models.FieldCondition(key="u", range=models.Range(lt=share))
        self.filter = below and models.Filter(must=[below])

    def search(self, query, effort):
        del effort
        found = self.client.query_points("rows", query.tolist(), query_filter=self.filter, limit=K, with_payload=False)
        return [point.id for point in found.points]


CONTESTANTS = {"hnswlib": _Hnswlib, "LanceDB": _LanceDB, "Chroma": _Chroma, "Qdrant (local mode)": _Qdrant}


def _recall(found, least, vectors, query):
    """How many of the ids score as high as the last one that is wanted."""
    ids = np.asarray(found, np.int64)
    return int((np.asarray(vectors[ids], np.float32) @ query >= least - 1e-5).sum())


def _measure(contestant, effort, queries, vectors, truth, asked):
    """The first question's milliseconds, the median of all, and the share of the true neighbours that are found."""
    times, right, wanted = [], 0, 0
    for number in range(asked):
        begin = time.perf_counter()
        found = contestant.search(queries[number], effort)
        times.append(1000 * (time.perf_counter() - begin))
        found = contestant.ask_for_fewer(queries[number]) if found is None else found
        right += _recall(found, truth["least"][number], vectors, queries[number])
        wanted += truth["wanted"]
    return {"p50_ms": round(float(np.median(times)), 2), "recall": round(right / wanted, 4)}


def main(job):
    vectors, values = np.load(job["vectors"], mmap_mode="r"), np.load(job["values"])
    queries = np.load(job["queries"])
    begin = time.perf_counter()
    contestant = CONTESTANTS[job["name"]](vectors, values, job["folder"])
    figures = {"build_seconds": round(time.perf_counter() - begin, 1), "filters": []}
    for effort in contestant.efforts:
        contestant.prepare(None)
        figures |= _measure(contestant, effort, queries, vectors, job["truth"][0], job["questions"])
        if figures["recall"] >= job["recall"]:
            break
    figures["effort"] = effort
    for truth in job["truth"][1:]:
        begin = time.perf_counter()
        contestant.prepare(truth["share"])
        contestant.search(queries[0], effort)
        first = round(1000 * (time.perf_counter() - begin), 1)
        under = _measure(contestant, effort, queries, vectors, truth, job["questions"])
        figures["filters"].append({"share": truth["share"], "first_ms": first, **under})
        print(job["name"], figures["filters"][-1], file=sys.stderr, flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
