"""Encoding throughput beside sentence-transformers, and beside the processor's own ceilings.

Same texts, same weights; each contestant has a process of its own, and they take turns. The median of
the rounds counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reporting.corpora import passages, summaries
from benchmarks.reporting.processes import median
from semsearch.encoder import Encoder

ROUNDS = 5
TEXTS = {"short": summaries(1536), "passages": passages(256)}
REFERENCE = "sentence-transformers"
MULTIPLICATIONS = 6 * (4 * 384 * 384 + 2 * 384 * 1536)
"""Multiply-adds that the weights of MiniLM-L6 cost a token; attention adds a few per cent, not counted."""


class Contestant:
    """A process that encodes when it is told to, and tells how long it took."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._vectors = folder / f"{name}.npy"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.encoding.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, kind: str) -> Any:
        """Seconds that the texts of a kind took; for the kind ``ceilings`` a table."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{kind}\t{self._vectors}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def vectors(self) -> Any:
        """What it encoded last, float32[texts, dimension]."""
        return np.load(self._vectors)

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        contestants = [Contestant(name, Path(scratch)) for name in (REFERENCE, *_ours())]
        ceilings = contestants[0].ask("ceilings")
        figures: dict[str, Any] = {"ceilings_gflops": ceilings}
        for kind, texts in TEXTS.items():
            figures[kind] = _contest(contestants, kind, texts, ceilings)
        for contestant in contestants:
            contestant.close()
    return figures


def _ours() -> list[str]:
    best = Encoder.load().precision
    return ["semsearch f32"] if best == "f32" else ["semsearch f32", f"semsearch {best}"]


def _contest(contestants: list[Contestant], kind: str, texts: list[str], ceilings: dict[str, float]) -> dict[str, Any]:
    encoder = Encoder.load()
    tokens = sum(min(len(text.ids), encoder.max_seq_length) for text in encoder.tokenize(texts))
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for number in range(ROUNDS + 1):
        for contestant in contestants:
            spent = contestant.ask(kind)
            if number:  # the first round warms up
                seconds[contestant.name].append(spent)
    reference = contestants[0].vectors()
    rows = {}
    for contestant in contestants:
        spent = median(seconds[contestant.name])
        ceiling = ceilings["bf16" if contestant.name.endswith("bf16") else "f32"]
        flops = 2 * MULTIPLICATIONS * tokens / spent / 1e9
        rows[contestant.name] = {
            "texts_per_second": round(len(texts) / spent, 1),
            "tokens_per_second": round(tokens / spent),
            "ratio": round(median(seconds[REFERENCE]) / spent, 2),
            "gflops": round(flops),
            "share_of_ceiling": round(flops / ceiling, 3),
            "lowest_cosine": round(float(np.min((contestant.vectors() * reference).sum(axis=1))), 7),
        }
    return {"texts": len(texts), "mean_tokens": round(tokens / len(texts), 1), "rows": rows}
