"""What a filter costs, and what is found under it: sentences of novels, and a filter that allows a share of them.

Questions are sentences that are not in the collection. Recall@10 is against a comparison with every passage.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.reporting.corpora import novel_sentences

SENTENCES = 50_000
QUESTIONS = 200
SHARES = (0.01, 0.1, 1, 10, 50, 99)
"""Per cent of the documents."""
MULTIPLIER = 7919
"""A prime, by which the numbers of documents are spread out."""
STEPS = 100_000


def measure() -> dict[str, Any]:
    texts = list(dict.fromkeys(novel_sentences(4 * SENTENCES)))
    chosen = np.random.default_rng(1).permutation(len(texts))[: SENTENCES + QUESTIONS].tolist()
    questions = [texts[number] for number in chosen[SENTENCES:]]
    with tempfile.TemporaryDirectory() as scratch:
        settings = semsearch.CollectionSettings(unit="document")
        with semsearch.Collection.create(Path(scratch) / "novels", settings=settings) as collection:
            collection.add(
                semsearch.Document(texts[number], f"s{place}", metadata={"u": 100 * _spread(place)})
                for place, number in enumerate(chosen[:SENTENCES])
            )
            return {"sentences": SENTENCES, **_measure_modes(collection, questions), **_measure_adding(collection)}


def _spread(place: int) -> float:
    return place * MULTIPLIER % STEPS / STEPS


def _measure_modes(collection: semsearch.Collection, questions: list[str]) -> dict[str, Any]:
    vectors = collection.encoder.encode(questions)
    figures: dict[str, Any] = {
        "encode_p50_ms": _p50(lambda number: collection.encoder.encode([questions[number]])),
        "dense_p50_ms": _p50(lambda number: collection.search_vectors(vectors[number])),
        "lexical_p50_ms": _p50(lambda number: collection.search(questions[number], mode="lexical")),
        "hybrid_p50_ms": _p50(lambda number: collection.search(questions[number])),
        "explained_p50_ms": _p50(lambda number: collection.search(questions[number], explain=True)),
        "recall": _recall(collection, vectors, None),
    }
    figures["filters"] = [_measure_share(collection, vectors, share) for share in SHARES]
    return figures


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
    """The share of the ten best, a tie at the tenth score counting as right."""
    reached = wanted = 0
    for vector in vectors:
        (exact,) = collection.search_vectors(vector, where=where, exact=True)
        (hits,) = collection.search_vectors(vector, where=where)
        assert len(hits) == len(exact)
        reached += sum(hit.score >= exact[-1].score for hit in hits)
        wanted += len(exact)
    return round(reached / wanted, 4)


def _measure_adding(collection: semsearch.Collection) -> dict[str, float]:
    texts = list(islice(dict.fromkeys(novel_sentences(800_000)), 700_000, 701_000))
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
