"""Encoding throughput beside sentence-transformers, and beside the processor's own ceilings.

Same texts, same weights, same process, the contestants taking turns; the median of the rounds counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.corpora import passages, summaries
from benchmarks.processes import median
from semsearch.encoder import Encoder
from semsearch.settings import thread_count

ROUNDS = 5
SHORT, LONG = 1536, 256
MULTIPLICATIONS = 6 * (4 * 384 * 384 + 2 * 384 * 1536)
"""Multiply-adds that the weights of MiniLM-L6 cost a token; attention adds a few per cent, not counted."""


def measure() -> dict[str, Any]:
    torch.set_num_threads(thread_count())
    ours = {precision: Encoder.load(precision=precision) for precision in _precisions()}
    theirs = SentenceTransformer(str(ours["f32"].spec.folder), device="cpu")
    figures: dict[str, Any] = {"ceilings_gflops": _ceilings()}
    for name, texts in (("short", summaries(SHORT)), ("passages", passages(LONG))):
        contestants: dict[str, Callable[[list[str]], Any]] = {"sentence-transformers": theirs.encode}
        contestants |= {f"semsearch {precision}": encoder.encode for precision, encoder in ours.items()}
        figures[name] = _contest(contestants, texts, ours["f32"], figures["ceilings_gflops"])
    return figures


def _precisions() -> list[str]:
    best = Encoder.load().precision
    return ["f32"] if best == "f32" else ["f32", best]


def _contest(
    contestants: dict[str, Callable[[list[str]], Any]], texts: list[str], encoder: Encoder, ceilings: dict[str, float]
) -> dict[str, Any]:
    tokens = sum(min(len(text.ids), encoder.max_seq_length) for text in encoder.tokenize(texts))
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    vectors: dict[str, Any] = {}
    for encode in contestants.values():
        encode(texts[:64])
    for _ in range(ROUNDS):
        for name, encode in contestants.items():
            started = time.perf_counter()
            vectors[name] = encode(texts)
            seconds[name].append(time.perf_counter() - started)
    rows = {}
    for name in contestants:
        spent = median(seconds[name])
        ceiling = ceilings["bf16" if name.endswith("bf16") else "f32"]
        flops = 2 * MULTIPLICATIONS * tokens / spent / 1e9
        cosines = (vectors[name] * vectors["sentence-transformers"]).sum(axis=1)
        rows[name] = {
            "texts_per_second": round(len(texts) / spent, 1),
            "tokens_per_second": round(tokens / spent),
            "ratio": round(median(seconds["sentence-transformers"]) / spent, 2),
            "gflops": round(flops),
            "share_of_ceiling": round(flops / ceiling, 3),
            "lowest_cosine": round(float(np.min(cosines)), 7),
        }
    return {"texts": len(texts), "mean_tokens": round(tokens / len(texts), 1), "rows": rows}


def _ceilings() -> dict[str, float]:
    """GFLOP/s of the machine's own matrix product, the best of two shapes and several tries."""
    found = {}
    for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        best = 0.0
        for rows, inner, columns in ((4096, 4096, 4096), (4096, 384, 1536)):
            left = torch.randn(rows, inner).to(kind)
            right = torch.randn(inner, columns).to(kind)
            left @ right
            for _ in range(6):
                repeats = max(1, 4096 // inner)
                started = time.perf_counter()
                for _ in range(repeats):
                    left @ right
                spent = (time.perf_counter() - started) / repeats
                best = max(best, 2 * rows * inner * columns / spent / 1e9)
        found[name] = round(best)
    return found
