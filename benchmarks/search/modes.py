"""Quality of each mode on judged sets: nDCG@10 by document, the best passage of each, and with re-ranking.

The parameters (BM25's two, the weights of the fusion and of the re-ranking) are the same for all sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import semsearch
from benchmarks.encoding.quality import ndcg
from benchmarks.search.judged import SETS, judged_collection, judged_queries

K = 10
WAYS: dict[str, dict[str, Any]] = {
    **{mode.value: {"mode": mode} for mode in semsearch.Mode},
    "hybrid by reciprocal ranks": {"fusion": "ranks"},
    "hybrid, re-ranked by tokens": {"rerank": "tokens"},
}


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    figures = {name: _measure_set(encoder, name) for name in SETS}
    mean = {way: round(float(np.mean([row[way] for row in figures.values()])), 4) for way in WAYS}
    return {"ndcg10": figures | {"mean": mean}, "encoder": encoder.precision}


def _measure_set(encoder: semsearch.Encoder, name: str) -> dict[str, float]:
    queries, judged = judged_queries(name)
    with judged_collection(name, encoder) as collection:
        gains = {
            way: [_gain(collection, query, judged[query["_id"]], options) for query in queries]
            for way, options in WAYS.items()
        }
    return {way: round(float(np.mean(values)), 4) for way, values in gains.items()}


def _gain(
    collection: semsearch.Collection, query: dict[str, Any], relevant: dict[str, int], options: dict[str, Any]
) -> float:
    hits = collection.search(query["text"], k=K, per_document=True, **options)
    return ndcg([hit.document for hit in hits], relevant)
