"""Quality of each mode on judged sets: nDCG@10 by document, the best passage of each, windows with titles before them.

The parameters (BM25's two, the weights of the fusion) are the same for all sets.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.encoding.quality import judgements, lines, ndcg
from benchmarks.reporting.corpora import DATA

SETS = ("scifact", "cranfield", "npl")
K = 10


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    modes = [mode.value for mode in semsearch.Mode]
    figures = {name: _measure_set(encoder, DATA / "ir" / name, modes) for name in SETS}
    mean = {mode: round(float(np.mean([row[mode] for row in figures.values()])), 4) for mode in modes}
    return {"ndcg10": figures | {"mean": mean}, "encoder": encoder.precision}


def _measure_set(encoder: semsearch.Encoder, folder: Path, modes: list[str]) -> dict[str, float]:
    judged = judgements(folder / "qrels/test.tsv")
    queries = [row for row in lines(folder / "queries.jsonl") if row["_id"] in judged]
    with (
        tempfile.TemporaryDirectory() as scratch,
        semsearch.Collection.create(Path(scratch) / folder.name, encoder) as collection,
    ):
        corpus = lines(folder / "corpus.jsonl")
        collection.add(semsearch.Document(row["text"], row["_id"], row.get("title") or None) for row in corpus)
        gains = {mode: [_gain(collection, query, judged[query["_id"]], mode) for query in queries] for mode in modes}
    return {mode: round(float(np.mean(values)), 4) for mode, values in gains.items()}


def _gain(collection: semsearch.Collection, query: dict[str, Any], relevant: dict[str, int], mode: str) -> float:
    hits = collection.search(query["text"], k=K, mode=mode, per_document=True)
    return ndcg([hit.document for hit in hits], relevant)
