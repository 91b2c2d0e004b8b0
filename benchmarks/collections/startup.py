"""What a user waits for: a search in a new process, ``--help``, and a query in a running program."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.reporting.processes import SEMSEARCH, median, run

QUESTIONS = 300


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        run(SEMSEARCH, "demo", "--indexes", scratch)
        searches = [
            run(SEMSEARCH, "search", "python-docs", f"wait for {number} threads", "--indexes", scratch)
            for number in range(15)
        ]
        helps = [run(SEMSEARCH, "--help").seconds for _ in range(15)]
        with semsearch.Collection.open(Path(scratch) / "python-docs") as collection:
            passages = collection.status().passages
            warm = _warm(collection)
    return {
        "passages": passages,
        "search_seconds": median([one.seconds for one in searches]),
        "search_peak_mb": round(max(one.peak_mb for one in searches)),
        "help_seconds": median(helps),
        "warm_p50_ms": round(float(np.percentile(warm, 50)), 2),
        "warm_p95_ms": round(float(np.percentile(warm, 95)), 2),
    }


def _warm(collection: semsearch.Collection) -> list[float]:
    spent = []
    for number in range(QUESTIONS + 20):
        started = time.perf_counter()
        collection.search(f"how do I read line {number} of a compressed file?")
        spent.append((time.perf_counter() - started) * 1000)
    return spent[20:]
