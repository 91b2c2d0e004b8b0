"""txtai with its defaults."""

import sys
from pathlib import Path

sys.path.pop(0)  # this folder, whose files are named like the packages

from txtai import Embeddings

MODEL, LINES, TARGET, VERB = sys.argv[1:]

if VERB == "build":
    lines = Path(LINES).read_text(encoding="utf-8").splitlines()
    embeddings = Embeddings(path=MODEL, content=True)
    embeddings.index(lines)
    embeddings.save(TARGET)
else:
    embeddings = Embeddings()
    embeddings.load(TARGET)
    if VERB == "query":
        print(embeddings.search("image editor", 10))
    else:
        import statistics
        import time

        spent = []
        for number in range(220):
            started = time.perf_counter()
            embeddings.search(f"image editor {number}", 10)
            spent.append((time.perf_counter() - started) * 1000)
        print(round(statistics.median(spent[20:]), 2))
