"""LanceDB with its sentence-transformers embedding function."""

import sys
from pathlib import Path

sys.path.pop(0)  # this folder, whose files are named like the packages

import lancedb
from lancedb.embeddings import get_registry
from lancedb.pydantic import LanceModel, Vector

MODEL, LINES, TARGET, VERB = sys.argv[1:]
model = get_registry().get("sentence-transformers").create(name=MODEL, device="cpu")


class Line(LanceModel):
    """A row: the text, and the vector that LanceDB makes of it."""

    text: str = model.SourceField()
    vector: Vector(model.ndims()) = model.VectorField()


database = lancedb.connect(TARGET)
if VERB == "build":
    lines = Path(LINES).read_text(encoding="utf-8").splitlines()
    table = database.create_table("lines", schema=Line)
    table.add([{"text": line} for line in lines])
else:
    table = database.open_table("lines")
    if VERB == "query":
        print(table.search("image editor").limit(10).to_list()[0]["text"])
    else:
        import statistics
        import time

        spent = []
        for number in range(220):
            started = time.perf_counter()
            table.search(f"image editor {number}").limit(10).to_list()
            spent.append((time.perf_counter() - started) * 1000)
        print(round(statistics.median(spent[20:]), 2))
