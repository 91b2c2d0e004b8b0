"""How our index grows: cost of a row and of a query from ten thousand rows to ten million.

The rows are the first of those of ``neighbours``; ten million are the million, repeated with small noise.
``SEMSEARCH_ROWS`` leaves larger sizes out. The largest takes 9 GB of disk in the cache folder while it is measured.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.neighbours import million
from benchmarks.neighbours.neighbours import NOISE, ours

TARGETS = {10_000: 0.99, 100_000: 0.99, 1_000_000: 0.99, 10_000_000: 0.95}
"""Recall of held-out queries that is asked of so many rows."""
MOST = int(os.environ.get("SEMSEARCH_ROWS", max(TARGETS)))


def measure() -> dict[str, Any]:
    rows, queries = million.rows(), million.queries()
    found = {}
    for count, target in TARGETS.items():
        if count <= MOST:
            with tempfile.TemporaryDirectory(dir=million.folder()) as scratch:
                one = ours(Path(scratch) / "rows", rows[:count], queries, count, target, [], [])
                found[str(count)] = one | {"target": target}
    return {"noise": NOISE, "rows": found}
