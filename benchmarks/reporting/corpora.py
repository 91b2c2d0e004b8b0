"""The public texts that are measured on; see README.md in this folder for their layout."""

from __future__ import annotations

import itertools
import json
import lzma
import os
from collections.abc import Iterator
from pathlib import Path

PLACES = (os.environ.get("SEMSEARCH_DATA", ""), "benchmarks/data", "../shared/data")
DATA = next((Path(place) for place in PLACES if place and Path(place).is_dir()), Path("benchmarks/data"))
LINES_IN_A_PASSAGE = 8


def summaries(count: int) -> list[str]:
    """Distinct one-line descriptions of Debian packages, about 16 tokens each."""
    with lzma.open(DATA / "corpora/debian_packages.jsonl.xz", "rt", encoding="utf-8") as file:
        titles = dict.fromkeys(json.loads(line)["title"].strip() for line in file)
    return list(itertools.islice(filter(None, titles), count))


def passages(count: int, together: int = LINES_IN_A_PASSAGE) -> list[str]:
    """So many summaries each; eight have about 90 tokens."""
    lines = summaries(count * together)
    return [". ".join(lines[start : start + together]) for start in range(0, len(lines), together)]


def glosses() -> Iterator[str]:
    """Definitions of WordNet, about 12 tokens each."""
    with lzma.open(DATA / "corpora/wordnet_glosses.tsv.xz", "rt", encoding="utf-8") as file:
        yield from (line.rstrip("\n").split("\t")[-1] for line in file)


def novel_sentences(count: int) -> Iterator[str]:
    """Sentences of English novels, about 20 tokens each."""
    with lzma.open(DATA / "corpora/novels_sentences.txt.xz", "rt", encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in itertools.islice(file, count))
