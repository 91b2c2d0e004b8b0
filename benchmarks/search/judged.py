"""Judged sets as collections: the packaged model, titles before the texts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import semsearch
from benchmarks.encoding.quality import judgements, lines
from benchmarks.reporting.corpora import DATA

SETS = ("scifact", "cranfield", "npl")


@contextmanager
def judged_collection(
    name: str, encoder: semsearch.Encoder, unit: semsearch.Unit = semsearch.Unit.WINDOW
) -> Iterator[semsearch.Collection]:
    """The documents of a set; the collection is gone after the block."""
    settings = semsearch.CollectionSettings(unit=unit)
    with (
        tempfile.TemporaryDirectory() as scratch,
        semsearch.Collection.create(Path(scratch) / name, encoder, settings) as collection,
    ):
        corpus = lines(DATA / "ir" / name / "corpus.jsonl")
        collection.add(semsearch.Document(row["text"], row["_id"], row.get("title") or None) for row in corpus)
        yield collection


def judged_queries(name: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """The queries of a set, and by the id of each what is relevant to it."""
    judged = judgements(DATA / "ir" / name / "qrels/test.tsv")
    return [row for row in lines(DATA / "ir" / name / "queries.jsonl") if row["_id"] in judged], judged
