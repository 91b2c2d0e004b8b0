"""One contestant of the encoding benchmark; ``python -m benchmarks.encoding.worker NAME``.

Reads lines ``kind TAB file``, encodes the texts of that kind, writes the vectors to the file and the
seconds to standard output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.encoding.encoding import REFERENCE, TEXTS
from semsearch.common.environment import DEFAULT_MODEL, thread_count
from semsearch.encoder import Encoder
from semsearch.encoder.locate import locate


def contestant(name: str) -> Callable[[list[str]], Any]:
    if name == REFERENCE:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(thread_count())
        return SentenceTransformer(str(locate(DEFAULT_MODEL)), device="cpu").encode
    return Encoder.load(precision=name.split()[-1]).encode


def ceilings() -> dict[str, int]:
    """GFLOP/s of the machine's own matrix product, the best of two shapes and several tries."""
    import torch

    found = {}
    for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        best = 0.0
        for rows, inner, columns in ((4096, 4096, 4096), (4096, 384, 1536)):
            left, right = torch.randn(rows, inner).to(kind), torch.randn(inner, columns).to(kind)
            repeats = max(1, 4096 // inner)
            for _ in range(7):
                started = time.perf_counter()
                for _ in range(repeats):
                    left @ right
                spent = (time.perf_counter() - started) / repeats
                best = max(best, 2 * rows * inner * columns / spent / 1e9)
        found[name] = round(best)
    return found


def main() -> None:
    encode = contestant(sys.argv[1])
    for line in sys.stdin:
        kind, file = line.rstrip("\n").split("\t")
        if kind == "ceilings":
            print(json.dumps(ceilings()), flush=True)
            continue
        started = time.perf_counter()
        vectors = encode(TEXTS[kind])
        spent = time.perf_counter() - started
        np.save(file, vectors)
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main()
