"""Peak memory of indexing JSONL: it must not grow with the corpus beyond what docs/architecture.md explains."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.reporting.corpora import glosses, novel_sentences
from benchmarks.reporting.processes import SEMSEARCH, run

SIZES = (10_000, 200_000, 1_000_000)


def measure() -> dict[str, Any]:
    return {"rows": {str(size): _measure(size) for size in SIZES}}


def _measure(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / f"{size}.jsonl"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(itertools.islice(_records(), size))
        done = run(SEMSEARCH, "index", "rows", str(source), "--indexes", scratch)
        index = sum(path.stat().st_size for path in Path(scratch, "rows").glob("index-*.faiss"))
    return {
        "own_mb": round(done.own_mb),
        "peak_mb": round(done.peak_mb),
        "index_mb": round(index / 2**20),
        "seconds": round(done.seconds, 1),
        "rows_per_second": round(size / done.seconds),
    }


def _records() -> Iterator[str]:
    """Sentences of novels, then definitions, each with two fields."""
    texts = itertools.chain(novel_sentences(1_000_000), glosses())
    for number, text in enumerate(texts):
        yield json.dumps({"text": text, "year": 1800 + number % 200, "shelf": f"s{number % 40}"}) + "\n"
