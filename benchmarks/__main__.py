"""``python -m benchmarks [NAME…]``: measure, keep the figures as JSON, and write their tables."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.report import write_tables
from benchmarks.results import save

NAMES = ("encoding", "quality", "startup", "indexing", "memory", "peers")


def main(names: list[str]) -> None:
    for name in names or NAMES:
        if name not in NAMES:
            sys.exit(f"error: no benchmark {name!r}; there are {', '.join(NAMES)}")
        print(f"\n== {name}", flush=True)
        save(name, import_module(f"benchmarks.{name}").measure())
    write_tables()


if __name__ == "__main__":
    main(sys.argv[1:])
