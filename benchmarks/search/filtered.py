"""What a filter costs, and what is found under it, beside peers: sentences, and a filter that allows a share of them.

Questions are sentences that are not in the collection. Recall@10 is against a comparison with every allowed passage;
what scores as high as the tenth counts as right. Ours answers with texts and metadata, peers with ids alone. Embeddings
are made ahead, so that building is all else.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import semsearch
from benchmarks.neighbours import million
from benchmarks.neighbours.looked_up import LookedUp
from benchmarks.reporting.processes import run

PYTHON = Path(".venv-peers/bin/python")
SIZES = (100_000, int(os.environ.get("SEMSEARCH_ROWS", million.ROWS)))
QUESTIONS = 200
PEER_QUESTIONS = 50
SHARES = (0.01, 0.1, 1, 10, 50, 99)
"""Per cent of the documents."""
MULTIPLIER = 7919
"""A prime, by which the numbers of documents are spread out."""
STEPS = 100_000
K = 10
ADDED = 1_000
PEERS = {
    "LanceDB": (1_000_000, 50),
    "hnswlib": (1_000_000, 50),
    "Chroma": (100_000, 50),
    "Qdrant (local mode)": (100_000, 10),
}
"""The most rows that each is given, and how many questions: the last two take a third of a second at 100,000."""
OFFLINE = {"ANONYMIZED_TELEMETRY": "False", "LANCEDB_CONFIG_DIR": "/dev/null"}


def measure() -> dict[str, Any]:
    texts = million.texts()
    questions, more = texts[-QUESTIONS:], texts[-QUESTIONS - ADDED : -QUESTIONS]
    sizes = {}
    million.folder().mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        with tempfile.TemporaryDirectory(dir=million.folder()) as scratch:
            sizes[str(size)] = _measure_size(
                Path(scratch), texts[: min(size, len(texts) - QUESTIONS - ADDED)], questions, more
            )
    return {"sizes": sizes}


def _measure_size(folder: Path, texts: Sequence[str], questions: list[str], more: list[str]) -> dict[str, Any]:
    settings, encoder = semsearch.CollectionSettings(unit="document"), LookedUp(texts, million.rows())
    with semsearch.Collection.create(folder / "sentences", encoder, settings=settings) as collection:
        begin = time.perf_counter()
        collection.add(
            semsearch.Document(text, f"s{place}", metadata={"u": 100 * _spread(place)})
            for place, text in enumerate(texts)
        )
        built = time.perf_counter() - begin
        vectors = collection.encoder.encode(questions)
        figures = {
            "passages": len(texts),
            "add_all_s": round(built, 1),
            **_measure_modes(collection, questions, vectors),
        }
        figures["filters"] = [_measure_share(collection, vectors, share) for share in SHARES]
        peers = _prepare_peers(folder, collection, vectors, figures["recall"])
        figures |= _measure_adding(collection, more)
        print(json.dumps(figures), flush=True)
        return figures | {"peers": _measure_peers(folder, *peers)}


def _spread(place: int) -> float:
    return place * MULTIPLIER % STEPS / STEPS


def _measure_modes(collection: semsearch.Collection, questions: list[str], vectors: Any) -> dict[str, Any]:
    return {
        "encode_p50_ms": _p50(lambda number: collection.encoder.encode([questions[number]])),
        "dense_p50_ms": _p50(lambda number: collection.search_vectors(vectors[number])),
        "lexical_p50_ms": _p50(lambda number: collection.search(questions[number], mode="lexical")),
        "hybrid_p50_ms": _p50(lambda number: collection.search(questions[number])),
        "recall": _recall(collection, vectors, None),
    }


def _measure_share(collection: semsearch.Collection, vectors: Any, share: float) -> dict[str, Any]:
    where = f"u < {share}"
    begin = time.perf_counter()
    (hits,) = collection.search_vectors(vectors[0], where=where)
    first = 1000 * (time.perf_counter() - begin)
    return {
        "share": share,
        "documents": hits.documents,
        "first_ms": round(first, 1),
        "p50_ms": _p50(lambda number: collection.search_vectors(vectors[number], where=where)),
        "recall": _recall(collection, vectors, where),
    }


def _recall(collection: semsearch.Collection, vectors: Any, where: str | None) -> float:
    """The share of the ten best that are found."""
    reached = wanted = 0
    exact = collection.search_vectors(vectors, where=where, exact=True)
    for vector, best in zip(vectors, exact, strict=True):
        (hits,) = collection.search_vectors(vector, where=where)
        assert len(hits) == len(best)
        reached += sum(hit.score >= best[-1].score for hit in hits)
        wanted += len(best)
    return round(reached / wanted, 4)


def _prepare_peers(
    folder: Path, collection: semsearch.Collection, queries: npt.NDArray[np.float32], recall: float
) -> tuple[dict[str, Any], int]:
    """A job for the peers over our vectors, and how many these are."""
    with collection._store.pinned() as snapshot:
        vectors = snapshot.searcher.rows.block(0, snapshot.rows)
    values = np.array([100 * _spread(place) for place in range(len(vectors))])
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    job = {"recall": recall, "truth": _find_truth(vectors, values, queries)}
    for name, array in (("vectors", vectors.astype(np.float16)), ("values", values), ("queries", queries)):
        np.save(folder / f"{name}.npy", array)
        job[name] = str(folder / f"{name}.npy")
    return job, len(vectors)


def _measure_peers(folder: Path, job: dict[str, Any], count: int) -> dict[str, Any]:
    """What the peers do, each in a process of its own, in turn."""
    if not PYTHON.is_file():
        print(f"the peers are left out: they are not installed in {PYTHON.parent.parent}; run: make bench")
        return {}
    figures = {}
    for name, (most, asked) in PEERS.items():
        if count > most:
            print(f"{name} is left out at {count:,} rows: a question under a filter would take seconds")
            continue
        told = {"name": name, "folder": str(folder / name), "questions": asked}
        (folder / "job.json").write_text(json.dumps(job | told))
        ended = run(str(PYTHON), "benchmarks/search/peer_filters.py", str(folder / "job.json"), **OFFLINE)
        figures[name] = json.loads(ended.output.splitlines()[-1])
        print(name, json.dumps(figures[name]), flush=True)
    return figures


def _find_truth(vectors: Any, values: Any, queries: Any) -> list[dict[str, Any]]:
    """Without a filter, and for each share: how many hits are wanted, and the score of the last one of each query."""
    scores = queries[:PEER_QUESTIONS] @ vectors.T
    truth = []
    for share in (None, *SHARES):
        allowed = scores if share is None else scores[:, values < share]
        wanted = min(K, allowed.shape[1])
        least = -np.partition(-allowed, wanted - 1, axis=1)[:, wanted - 1]
        truth.append({"share": share, "wanted": wanted, "least": least.tolist()})
    return truth


def _measure_adding(collection: semsearch.Collection, texts: Sequence[str]) -> dict[str, float]:
    begin = time.perf_counter()
    collection.encoder.encode(texts)
    encoding = time.perf_counter() - begin
    begin = time.perf_counter()
    collection.add(semsearch.Document(text, f"new{number}") for number, text in enumerate(texts))
    return {"add_1000_s": round(time.perf_counter() - begin, 2), "encode_1000_s": round(encoding, 2)}


def _p50(ask: Callable[[int], object]) -> float:
    for number in range(5):
        ask(number)
    times = []
    for number in range(QUESTIONS):
        begin = time.perf_counter()
        ask(number)
        times.append(1000 * (time.perf_counter() - begin))
    return round(float(np.median(times)), 2)
