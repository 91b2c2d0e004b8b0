"""What a sync costs besides encoding: end to end beside the bare encoder, and over files that are unchanged."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.reporting.corpora import novel_sentences
from benchmarks.reporting.processes import SEMSEARCH, median, run
from semsearch import Collection, Encoder
from semsearch.ingest.reader import Reader

ROUNDS = 3
TEXTS = 20_000
FILES = 20_000
IN_FOLDER = 100
LONG_AGO = (1_700_000_000, 1_700_000_000)


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        return {"end_to_end": _measure_end_to_end(Path(scratch)), "unchanged": _measure_unchanged(Path(scratch))}


def _measure_end_to_end(scratch: Path) -> dict[str, Any]:
    """The same texts by the encoder alone, and from a file to a collection on disk, in turns."""
    texts = list(novel_sentences(TEXTS))
    source = scratch / "sentences.jsonl"
    source.write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts), encoding="utf-8")
    encoder = Encoder.load()
    encoder.encode(texts[:2000])
    bare, whole = [], []
    for number in range(ROUNDS):
        begin = time.perf_counter()
        encoder.encode(texts)
        bare.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        with Collection.create(scratch / f"sentences-{number}", encoder) as collection:
            collection.sync(Reader([source]))
        whole.append(time.perf_counter() - begin)
    return {
        "texts": TEXTS,
        "bare_seconds": median(bare),
        "whole_seconds": median(whole),
        "share": round(median(bare) / median(whole), 3),
    }


def _measure_unchanged(scratch: Path) -> dict[str, Any]:
    """``semsearch index`` of files that it has read before, whole processes."""
    folder = scratch / "notes"
    for number, text in enumerate(novel_sentences(FILES)):
        path = folder / f"{number // IN_FOLDER}" / f"{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Note {number}\n\n{text}\n", encoding="utf-8")
        os.utime(path, LONG_AGO)
    asked = (SEMSEARCH, "index", "notes", str(folder), "--indexes", str(scratch / "indexes"))
    first = run(*asked)
    again = [run(*asked) for _ in range(ROUNDS)]
    help_seconds = median([run(SEMSEARCH, "--help").seconds for _ in range(ROUNDS)])
    return {
        "files": FILES,
        "first_seconds": round(first.seconds, 1),
        "again_seconds": median([one.seconds for one in again]),
        "help_seconds": help_seconds,
    }
