"""Chroma, persistent, with its sentence-transformers embedding function."""

import sys
from pathlib import Path

sys.path.pop(0)  # this folder, whose files are named like the packages

import chromadb
from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

MODEL, LINES, TARGET, VERB = sys.argv[1:]
BATCH = 1000

client = chromadb.PersistentClient(path=TARGET)
collection = client.get_or_create_collection(
    "lines", embedding_function=SentenceTransformerEmbeddingFunction(model_name=MODEL)
)
if VERB == "build":
    lines = Path(LINES).read_text(encoding="utf-8").splitlines()
    for start in range(0, len(lines), BATCH):
        part = lines[start : start + BATCH]
        collection.add(ids=[str(start + number) for number in range(len(part))], documents=part)
elif VERB == "query":
    print(collection.query(query_texts=["image editor"], n_results=10))
else:
    import statistics
    import time

    spent = []
    for number in range(220):
        started = time.perf_counter()
        collection.query(query_texts=[f"image editor {number}"], n_results=10)
        spent.append((time.perf_counter() - started) * 1000)
    print(round(statistics.median(spent[20:]), 2))
