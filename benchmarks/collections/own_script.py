"""semsearch doing the job that the peer scripts do; through the command line where that is what users run."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

from benchmarks.reporting.processes import SEMSEARCH

_, LINES, TARGET, VERB = sys.argv[1:]

if VERB == "build":
    os.execv(SEMSEARCH, [SEMSEARCH, "index", "lines", LINES, "--as", "lines", "--indexes", TARGET])
elif VERB == "query":
    os.execv(SEMSEARCH, [SEMSEARCH, "search", "lines", "image editor", "--indexes", TARGET])
else:
    import semsearch

    spent = []
    with semsearch.Collection.open(Path(TARGET) / "lines") as collection:
        for number in range(220):
            started = time.perf_counter()
            collection.search(f"image editor {number}", k=10)
            spent.append((time.perf_counter() - started) * 1000)
    print(json.dumps(round(statistics.median(spent[20:]), 2)))
