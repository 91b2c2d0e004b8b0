"""Quality against published figures: STS Benchmark (Spearman) and SciFact (nDCG@10).

Published for all-MiniLM-L6-v2 by MTEB: STS-B test 82.03; SciFact 0.6451, a document being its title,
a space, and its text.
"""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import semsearch
from benchmarks.reporting.corpora import DATA

PUBLISHED = {"stsb_spearman": 82.03, "scifact_ndcg10": 0.6451}


def measure() -> dict[str, Any]:
    figures: dict[str, Any] = {"published": PUBLISHED, "stsb_spearman": {}, "scifact_ndcg10": {}}
    for runtime, precision in _ways():
        encoder = semsearch.Encoder.load(runtime=runtime, precision=precision)
        way = f"{runtime} {precision}"
        figures["stsb_spearman"][way] = round(_stsb(encoder), 2)
        if runtime == "openvino":
            figures["scifact_ndcg10"][way] = round(_scifact(encoder), 4)
    return figures


def _ways() -> list[tuple[str, str]]:
    best = semsearch.Encoder.load().precision
    ways = [("torch", "f32"), ("openvino", "f32")]
    return ways if best == "f32" else [*ways, ("openvino", best)]


def _stsb(encoder: semsearch.Encoder) -> float:
    with (DATA / "sts/stsb-test.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if len(row) == 3]
    left, right = (encoder.encode([row[column] for row in rows]) for column in (1, 2))
    cosines = (left * right).sum(axis=1)
    return 100 * float(spearmanr([float(row[0]) for row in rows], cosines).statistic)


def _scifact(encoder: semsearch.Encoder) -> float:
    """Through a collection on disk, as a user would: index, then search every query."""
    folder = DATA / "ir/scifact"
    judged = judgements(folder / "qrels/test.tsv")
    settings = semsearch.CollectionSettings(unit=semsearch.Unit.DOCUMENT)
    with (
        tempfile.TemporaryDirectory() as scratch,
        semsearch.Collection.create(Path(scratch) / "scifact", encoder, settings) as collection,
    ):
        corpus = lines(folder / "corpus.jsonl")
        collection.add(semsearch.Document(id=row["_id"], text=f"{row['title']} {row['text']}") for row in corpus)
        gains = [
            ndcg([hit.document for hit in collection.search(row["text"], k=10, mode="dense")], judged[row["_id"]])
            for row in lines(folder / "queries.jsonl")
            if row["_id"] in judged
        ]
    return float(np.mean(gains))


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def judgements(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if int(row["score"]) > 0:
                judged.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return judged


def ndcg(ranked: list[str], relevant: dict[str, int], k: int = 10) -> float:
    """Normalised discounted cumulative gain, as trec_eval computes it."""
    found = sum(relevant.get(one, 0) / math.log2(place + 2) for place, one in enumerate(ranked[:k]))
    ideal = sum(gain / math.log2(place + 2) for place, gain in enumerate(sorted(relevant.values(), reverse=True)[:k]))
    return found / ideal
