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
WHOLE = ("dense", "hybrid")
"""The modes that are also asked of a collection with one vector for each document, to compare windows with."""


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    figures = {name: _measure_set(encoder, name) for name in SETS}
    ways = next(iter(figures.values()))
    mean = {way: round(float(np.mean([row[way] for row in figures.values()])), 4) for way in ways}
    return {"ndcg10": figures | {"mean": mean}, "encoder": encoder.precision}


def _measure_set(encoder: semsearch.Encoder, name: str) -> dict[str, float]:
    with judged_collection(name, encoder) as collection:
        figures = {way: _mean_gain(collection, name, options) for way, options in WAYS.items()}
    with judged_collection(name, encoder, semsearch.Unit.DOCUMENT) as collection:
        whole = {f"{way}, whole documents": _mean_gain(collection, name, WAYS[way]) for way in WHOLE}
    return figures | whole


def _mean_gain(collection: semsearch.Collection, name: str, options: dict[str, Any]) -> float:
    queries, judged = judged_queries(name)
    gains = [_gain(collection, query, judged[query["_id"]], options) for query in queries]
    return round(float(np.mean(gains)), 4)


def _gain(
    collection: semsearch.Collection, query: dict[str, Any], relevant: dict[str, int], options: dict[str, Any]
) -> float:
    hits = collection.search(query["text"], k=K, per_document=True, **options)
    return ndcg([hit.document for hit in hits], relevant)
