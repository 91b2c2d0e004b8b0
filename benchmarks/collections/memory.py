"""Peak memory of indexing: it must not grow with the corpus beyond the index."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.reporting.corpora import novel_sentences
from benchmarks.reporting.processes import SEMSEARCH, run

SIZES = (10_000, 200_000)


def measure() -> dict[str, Any]:
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        for size in SIZES:
            source = Path(scratch) / f"{size}.txt"
            with source.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in novel_sentences(size))
            done = run(SEMSEARCH, "index", f"novels-{size}", str(source), "--as", "lines", "--indexes", scratch)
            index = sum(path.stat().st_size for path in Path(scratch, f"novels-{size}").glob("index-*.faiss"))
            rows[str(size)] = {
                "peak_mb": round(done.peak_mb),
                "index_mb": round(index / 2**20),
                "seconds": round(done.seconds, 1),
                "lines_per_second": round(size / done.seconds),
            }
    return {"lines": rows}
