"""A filter put to a state: the rows that may be found, kept for the next question with the same filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semsearch.index import Bitmap, count
from semsearch.storage.snapshot import Snapshot

if TYPE_CHECKING:
    from semsearch.query.filters.tree import Node

__all__ = ["Allowed", "allowed_rows"]

MOST_KEPT = 64
"""Filters whose rows are kept for a state: an eighth of a byte a row each."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The live rows that fulfil a filter, or all if there is none: how many, and of how many documents."""

    rows: Bitmap | None
    passages: int
    documents: int


def allowed_rows(snapshot: Snapshot, tree: Node | None) -> Allowed:
    """What may be found; raises :class:`QueryError` for a filter that fits no field or no type."""
    if tree is None:
        return Allowed(None, snapshot.state.passages, snapshot.state.documents)
    key = repr(tree)  # True equals 1, and is written differently
    known = snapshot.memory.get(key)
    if isinstance(known, Allowed):
        return known
    allowed = _evaluate(snapshot, tree)
    for oldest in list(snapshot.memory)[: -MOST_KEPT + 1]:  # threads share it
        snapshot.memory.pop(oldest, None)
    snapshot.memory[key] = allowed
    return allowed


def _evaluate(snapshot: Snapshot, tree: Node) -> Allowed:
    from semsearch.query.filters.evaluate import Matcher  # most questions have no filter

    rows = Matcher(snapshot.columns).rows(tree)
    rows[snapshot.dead] = False
    starts = [segment.starts[:-1][segment.sizes > 0].astype(np.int64) + segment.first for segment in snapshot.columns]
    documents = int(np.count_nonzero(rows[np.concatenate([np.empty(0, np.int64), *starts])]))
    bitmap = np.packbits(rows, bitorder="little")
    return Allowed(bitmap, count(bitmap), documents)
