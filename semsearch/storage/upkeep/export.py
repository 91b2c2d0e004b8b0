"""A collection's passages with their vectors, for other programs: JSON lines, or Parquet."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from semsearch.common.environment import import_extra

if TYPE_CHECKING:
    from semsearch.common.arrays import Float32
    from semsearch.storage.tables.passages import StoredPassage

    PassageVectors = Iterable[tuple[StoredPassage, Float32]]
    """PassageVectors with their vectors, float32[dimension]."""

__all__ = ["WRITERS", "write_jsonl", "write_parquet"]

GROUP = 1024
"""Rows of a Parquet row group."""


def write_jsonl(passages: PassageVectors, target: IO[bytes]) -> None:
    """One JSON object a passage: document, passage, text, start, end, title, source, metadata, vector."""
    for row in _rows(passages):
        row["vector"] = [round(number, 9) for number in row["vector"].tolist()]
        target.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")


def write_parquet(passages: PassageVectors, target: IO[bytes]) -> None:
    """The same columns; metadata as JSON text, the vector as a list of float32. Needs pyarrow."""
    pa, parquet = (
        import_extra(name, "parquet", "writing Parquet", instead="--format jsonl")
        for name in ("pyarrow", "pyarrow.parquet")
    )
    columns = [(name, pa.string()) for name in ("document", "text", "title", "source", "metadata")]
    columns += [(name, pa.int64()) for name in ("passage", "start", "end")]
    schema = pa.schema([*columns, ("vector", pa.list_(pa.float32()))])
    with parquet.ParquetWriter(target, schema) as writer:
        for rows in _group(_rows(passages)):
            for row in rows:
                row |= {"metadata": json.dumps(row["metadata"]), "vector": row["vector"].tolist()}
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _group(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(itertools.islice(rows, GROUP)):
        yield batch


def _rows(passages: PassageVectors) -> Iterator[dict[str, Any]]:
    for passage, vector in passages:
        document = passage.document
        yield {
            "document": document.id,
            "passage": passage.ordinal,
            "text": passage.text,
            "start": passage.start,
            "end": passage.end,
            "title": document.title,
            "source": document.source,
            "metadata": dict(document.metadata),
            "vector": vector,
        }


WRITERS: dict[str, Callable[[PassageVectors, IO[bytes]], None]] = {"jsonl": write_jsonl, "parquet": write_parquet}
"""By the name of the format."""
