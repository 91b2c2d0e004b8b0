"""Indexing 10,000 one-line texts, whole processes: ours beside a script of sentence-transformers and FAISS."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.reporting.corpora import summaries
from benchmarks.reporting.processes import SEMSEARCH, median, run
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.encoder.locate import locate

ROUNDS = 3
TEXTS = 10_000

PEER = """
import sys
import faiss
from sentence_transformers import SentenceTransformer
folder, source, target = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    lines = file.read().splitlines()
vectors = SentenceTransformer(folder, device="cpu").encode(lines, normalize_embeddings=True)
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(vectors)
faiss.write_index(index, target)
"""


def measure() -> dict[str, Any]:
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "lines.txt"
        source.write_text("\n".join(summaries(TEXTS)) + "\n", encoding="utf-8")
        for number in range(ROUNDS):
            theirs.append(run(sys.executable, "-c", PEER, str(locate(DEFAULT_MODEL)), str(source), f"{scratch}/peer"))
            ours.append(run(SEMSEARCH, "index", f"lines-{number}", str(source), "--as", "lines", "--indexes", scratch))
    spent = {name: median([one.seconds for one in done]) for name, done in (("ours", ours), ("theirs", theirs))}
    return {
        "texts": TEXTS,
        "semsearch_seconds": spent["ours"],
        "sentence_transformers_and_faiss_seconds": spent["theirs"],
        "ratio": round(spent["theirs"] / spent["ours"], 2),
        "semsearch_peak_mb": round(max(one.peak_mb for one in ours)),
        "sentence_transformers_and_faiss_peak_mb": round(max(one.peak_mb for one in theirs)),
    }
