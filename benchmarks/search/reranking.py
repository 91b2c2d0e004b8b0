"""What re-ranking by tokens, explanations and best sentences cost, beside a search without them.

The share of the ceiling counts the matrix products with the weights of the layers that are run, as in ``encoding``.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.encoding.encoding import MULTIPLICATIONS, REFERENCE, Contestant
from benchmarks.reporting.corpora import passages, summaries
from semsearch.query.rerank import POOL, READ_LAYER

PASSAGES = 2_000
SUMMARIES = 11
"""In a passage, so that it has some 120 tokens."""
QUESTIONS = 20


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    texts = passages(PASSAGES, SUMMARIES)
    questions = summaries(PASSAGES * SUMMARIES + QUESTIONS)[-QUESTIONS:]
    with tempfile.TemporaryDirectory() as scratch:
        reference = Contestant(REFERENCE, Path(scratch))
        ceilings = reference.ask("ceilings")
        reference.close()
        figures = {
            kept: _measure(encoder, Path(scratch), texts, questions, word_vectors=kept == "word vectors")
            for kept in ("passage vectors", "word vectors")
        }
    tokens = float(np.mean([min(len(one.ids), encoder.max_seq_length) for one in encoder.tokenize(texts)]))
    layers = READ_LAYER / encoder.spec.layer_count
    row = figures["passage vectors"]
    flops = 2 * MULTIPLICATIONS * layers * tokens * POOL / (row["reranked_ms"] - row["plain_ms"]) / 1e6
    ceiling = ceilings["bf16" if encoder.precision == "bf16" else "f32"]
    return {
        "passages": POOL,
        "mean_tokens": round(tokens, 1),
        "precision": encoder.precision,
        "ceiling_gflops": ceiling,
        "gflops": round(flops),
        "share_of_ceiling": round(flops / ceiling, 3),
        "rows": figures,
    }


def _measure(
    encoder: semsearch.Encoder, scratch: Path, texts: list[str], questions: list[str], *, word_vectors: bool
) -> dict[str, float]:
    settings = semsearch.CollectionSettings(unit="document", word_vectors=word_vectors)
    with semsearch.Collection.create(scratch / f"words-{word_vectors}", encoder, settings) as collection:
        collection.add(texts)
        return {
            "plain_ms": _median_ms(collection, questions),
            "reranked_ms": _median_ms(collection, questions, rerank="tokens"),
            "explained_ms": _median_ms(collection, questions, explain=True),
            "snippets_ms": _median_ms(collection, questions, snippet=True),
        }


def _median_ms(collection: semsearch.Collection, questions: list[str], **options: Any) -> float:
    times = []
    for question in [*questions[:3], *questions]:
        begin = time.perf_counter()
        collection.search(question, **options)
        times.append(1000 * (time.perf_counter() - begin))
    return round(float(np.median(times[3:])), 1)
