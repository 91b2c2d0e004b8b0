"""A collection in figures, and the fields of its documents."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from semsearch.fields.columns import NULL, Columns
from semsearch.fields.paths import write_path
from semsearch.storage.database.state import State
from semsearch.storage.segments.kinds import FIELD_SEGMENTS
from semsearch.storage.segments.reading import load_segments
from semsearch.storage.settings import Definition
from semsearch.storage.snapshot import read_indexing
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.passages import PASSAGES
from semsearch.storage.tables.words import WORDS

__all__ = ["Status", "count_fields", "read_status"]


@dataclass(frozen=True, slots=True)
class Status:
    """A collection in figures. ``bytes`` is its size on disk; ``tail`` counts rows behind the index.

    ``words`` is the number of words that have a vector, ``None`` if none are kept. ``truncated`` passages were longer
    than the model reads; ``unknown`` ones have tokens that its vocabulary has not.

    ``index`` is a FAISS factory string, or ``exact``. ``recall`` is recall@10 of the index as it was
    measured on ``measured_rows`` rows, with its 95 % confidence interval and the milliseconds of a query;
    ``stale`` says that the collection has grown or lost too much since.
    """

    name: str
    path: str
    documents: int
    passages: int
    words: int | None
    truncated: int
    unknown: int
    deleted: int
    model: str
    dimension: int
    fingerprint: str
    unit: str
    metric: str
    generation: int
    index: str
    indexed: int
    tail: int
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    p50_ms: float | None
    p95_ms: float | None
    measured_rows: int | None
    stale: bool
    bytes: int
    created: str


def read_status(connection: sqlite3.Connection, state: State, folder: Path, definition: Definition) -> Status:
    """The figures of the state that the connection reads."""
    index = read_indexing(connection, state, folder)
    measured = index.measured
    truncated, unknown = PASSAGES.count_unread(connection)
    return Status(
        name=folder.name,
        path=str(folder),
        documents=state.documents,
        passages=state.passages,
        words=WORDS.count(connection) if definition.word_vectors else None,
        truncated=truncated,
        unknown=unknown,
        deleted=state.rows - state.passages,
        model=definition.encoder.model,
        dimension=definition.encoder.dimension,
        fingerprint=definition.encoder.fingerprint,
        unit=definition.settings.unit.value,
        metric=definition.settings.metric.value,
        generation=state.generation,
        index=index.plan.factory if index.plan else "exact",
        indexed=index.covered,
        tail=state.rows - index.covered,
        recall=measured.recall if measured else None,
        recall_low=measured.low if measured else None,
        recall_high=measured.high if measured else None,
        p50_ms=measured.p50_ms if measured else None,
        p95_ms=measured.p95_ms if measured else None,
        measured_rows=measured.rows if measured else None,
        stale=index.is_stale(state.rows, state.rows - state.passages),
        bytes=_folder_size(folder),
        created=definition.created,
    )


def _folder_size(folder: Path) -> int:
    """Bytes of a folder's files, while others may come and go."""
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def count_fields(
    connection: sqlite3.Connection, state: State, folder: Path, definition: Definition
) -> dict[str, dict[str, int]]:
    """How many live documents have values of which types in each field but the id, which all have.

    ``[]`` behind a type is a list of such.
    """
    segments = load_segments(connection, folder, definition.settings, FIELD_SEGMENTS, state.rows, None).all
    live = np.ones(state.rows, np.bool_)
    live[DEAD.read(connection, state, folder)] = False
    counts: dict[str, dict[str, int]] = {}
    for segment in cast("list[Columns]", segments):
        is_live = np.append(live, False)[segment.starts[:-1].astype(np.int64) + segment.first]
        for (path, kind), column in segment.columns.items():
            documents = len(np.unique(column.documents[is_live[column.documents]]))
            if path != ("id",) and documents and not kind.startswith(NULL):
                kinds = counts.setdefault(write_path(path), {})
                kinds[kind] = kinds.get(kind, 0) + documents
    return counts
