"""A million real sentence embeddings, made once (some 20 minutes) and kept in the cache folder.

Run ``python -m benchmarks.neighbours.million`` to make them ahead of a benchmark that needs them; it goes on where an
interrupted run stopped.
"""

from __future__ import annotations

import itertools
import lzma
from pathlib import Path

import numpy as np

from benchmarks.reporting.corpora import DATA, novel_sentences
from semsearch import Encoder
from semsearch.common.environment import cache_folder

__all__ = ["ROWS", "queries", "rows"]

ROWS = 1_000_000
QUERIES = 1_000
DIMENSION = 384
CHUNK = 20_000


def texts() -> list[str]:
    """Distinct texts, shuffled: sentences of novels and definitions of WordNet; queries last."""
    with lzma.open(DATA / "corpora/wordnet_glosses.tsv.xz", "rt", encoding="utf-8") as file:
        glosses = [line.rstrip("\n").split("\t")[2] for line in file]
    distinct = list(dict.fromkeys(itertools.chain(novel_sentences(ROWS), glosses)))
    order = np.random.default_rng(2024).permutation(len(distinct))[: ROWS + QUERIES]
    return [distinct[number] for number in order]


def folder() -> Path:
    """Where the embeddings are kept: outside the repository."""
    return cache_folder() / "benchmarks"


def rows() -> np.ndarray:
    """float16[1,000,000, 384], of length 1, memory-mapped."""
    return _vectors()[:ROWS]


def queries() -> np.ndarray:
    """float32[1,000, 384], of length 1: texts that are not among the rows."""
    return np.asarray(_vectors()[ROWS:], dtype=np.float32)


def _vectors() -> np.ndarray:
    path = folder() / "million.f16"
    shape = (ROWS + QUERIES, DIMENSION)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        done = file.tell() // (2 * DIMENSION)
        file.truncate(done * 2 * DIMENSION)
        if done < shape[0]:
            encoder, wanted = Encoder.load(), texts()
            for start in range(done, shape[0], CHUNK):
                vectors = encoder.encode_counted(wanted[start : start + CHUNK]).vectors
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
                file.write(vectors.astype(np.float16).tobytes())
                file.flush()
                print(f"{start + len(vectors):,} of {shape[0]:,} embeddings", flush=True)
    return np.memmap(path, np.float16, "r", shape=shape)


if __name__ == "__main__":
    _vectors()
