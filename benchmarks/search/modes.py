"""Quality of each mode on judged sets: nDCG@10 by document, the best passage of each, windows with titles before them.

The last row is the default mode, re-ranked by the vectors of tokens. The parameters (BM25's two, the weights of the
fusion and of re-ranking) are the same for all sets.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.encoding.quality import judgements, lines, ndcg
from benchmarks.reporting.corpora import DATA
from semsearch.query.request import SearchOptions

SETS = ("scifact", "cranfield", "npl")
K = 10


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    ways = {mode.value: SearchOptions(mode=mode) for mode in semsearch.Mode}
    ways["hybrid, re-ranked by tokens"] = SearchOptions(rerank="tokens")
    figures = {name: _measure_set(encoder, DATA / "ir" / name, ways) for name in SETS}
    mean = {way: round(float(np.mean([row[way] for row in figures.values()])), 4) for way in ways}
    return {"ndcg10": figures | {"mean": mean}, "encoder": encoder.precision}


def _measure_set(encoder: semsearch.Encoder, folder: Path, ways: dict[str, SearchOptions]) -> dict[str, float]:
    judged = judgements(folder / "qrels/test.tsv")
    queries = [row for row in lines(folder / "queries.jsonl") if row["_id"] in judged]
    with (
        tempfile.TemporaryDirectory() as scratch,
        semsearch.Collection.create(Path(scratch) / folder.name, encoder) as collection,
    ):
        corpus = lines(folder / "corpus.jsonl")
        collection.add(semsearch.Document(row["text"], row["_id"], row.get("title") or None) for row in corpus)
        gains = {
            way: [_gain(collection, query, judged[query["_id"]], options) for query in queries]
            for way, options in ways.items()
        }
    return {way: round(float(np.mean(values)), 4) for way, values in gains.items()}


def _gain(
    collection: semsearch.Collection, query: dict[str, Any], relevant: dict[str, int], options: SearchOptions
) -> float:
    hits = collection.search(query["text"], k=K, per_document=True, **options)
    return ndcg([hit.document for hit in hits], relevant)
