"""``python -m benchmarks [NAME…]``: measure, keep the figures as JSON, and write their tables.

Several benchmarks run in a process each: what one has loaded must not count in the next one's memory.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

from benchmarks.reporting.report import write_tables
from benchmarks.reporting.results import save

ROOMS = {
    "encoding": ("encoding", "quality"),
    "collections": ("startup", "indexing", "syncing", "memory", "durability", "peers"),
    "vocabulary": ("analogies", "words", "senses"),
    "neighbours": ("neighbours", "growth"),
    "search": ("modes", "reranking", "confidence", "lexical", "filtered", "duplicates"),
}
HOMES = {name: f"benchmarks.{room}.{name}" for room, names in ROOMS.items() for name in names}


def main(names: list[str]) -> None:
    if unknown := [name for name in names if name not in HOMES]:
        sys.exit(f"error: no benchmark {unknown[0]!r}; there are {', '.join(HOMES)}")
    if len(names) == 1:
        print(f"\n== {names[0]}", flush=True)
        save(names[0], import_module(HOMES[names[0]]).measure())
        write_tables()
        return
    for name in names:
        subprocess.run([sys.executable, "-m", "benchmarks", name], check=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(HOMES))
