"""Near-duplicates of 50,000 texts, beside ``paraphrase_mining_embeddings`` of sentence-transformers, on one matrix.

Descriptions of packages, many of which differ in a word or a number. Both take turns, theirs with its default settings.
"""

from __future__ import annotations

import json
import lzma
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.reporting.corpora import DATA
from benchmarks.reporting.processes import median
from semsearch.analysis.duplicates import find_pairs

TEXTS = 50_000
LEAST = 0.95
ROUNDS = 3
DOUBTFUL = 1e-5
"""Cosines that are so near to the least one may fall to either side by rounding."""


def measure() -> dict[str, Any]:
    with lzma.open(DATA / "corpora/debian_packages.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["title"] for line, _ in zip(file, range(TEXTS), strict=False)]
    encoder = semsearch.Encoder.load()
    vectors = encoder.encode(texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(ROUNDS):
        ours, spent = _time(lambda: _find_ours(vectors))
        seconds["ours"].append(spent)
        theirs, spent = _time(lambda: _find_theirs(vectors))
        seconds["theirs"].append(spent)
    only = {pair: score for pair, score in [*ours.items(), *theirs.items()] if (pair in ours) != (pair in theirs)}
    return {
        "texts": len(texts),
        "least": LEAST,
        "pairs": len(ours),
        "pairs_of_one_alone": sum(abs(score - LEAST) > DOUBTFUL for score in only.values()),
        "seconds": round(median(seconds["ours"]), 1),
        "paraphrase_mining_seconds": round(median(seconds["theirs"]), 1),
        "ratio": round(median(seconds["theirs"]) / median(seconds["ours"]), 2),
        "command_seconds": _measure_whole(encoder, texts),
    }


def _time(find: Callable[[], dict[tuple[int, int], float]]) -> tuple[dict[tuple[int, int], float], float]:
    begin = time.perf_counter()
    found = find()
    return found, time.perf_counter() - begin


def _find_ours(vectors: Any) -> dict[tuple[int, int], float]:
    pairs = find_pairs(lambda start, end: vectors[start:end], len(vectors), LEAST)
    return dict(zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.cosines.tolist(), strict=True))


def _find_theirs(vectors: Any) -> dict[tuple[int, int], float]:
    import torch
    from sentence_transformers.util import paraphrase_mining_embeddings

    found = paraphrase_mining_embeddings(torch.from_numpy(vectors), max_pairs=500_000, top_k=100)
    return {(min(one, other), max(one, other)): score for score, one, other in found if score >= LEAST}


def _measure_whole(encoder: semsearch.Encoder, texts: list[str]) -> float:
    """Seconds of ``Collection.duplicates`` with groups, texts and metadata."""
    settings = semsearch.CollectionSettings(unit="document")
    with (
        tempfile.TemporaryDirectory() as scratch,
        semsearch.Collection.create(Path(scratch) / "packages", encoder, settings) as collection,
    ):
        collection.add(semsearch.Document(text, str(number)) for number, text in enumerate(texts))
        begin = time.perf_counter()
        collection.duplicates(LEAST)
        return round(time.perf_counter() - begin, 1)
