"""The rows that an overview is about: all, or those that a filter allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.index import members
from semsearch.query.filters.filter import allowed_rows
from semsearch.storage.snapshot import Extra, Snapshot
from semsearch.storage.store import Store

if TYPE_CHECKING:
    from semsearch.query.filters.mapping import Where

__all__ = ["Selection", "select_rows"]


@dataclass(frozen=True, slots=True)
class Selection:
    """``rows`` of a state, int64[n] ascending; a place is a position among them."""

    store: Store
    snapshot: Snapshot
    rows: Int64

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, start: int, end: int) -> Float32:
        """The vectors of the places ``start`` to ``end``, float32[end - start, dimension]."""
        return self.take(np.arange(start, end))

    def take(self, places: Int64) -> Float32:
        """The vectors of some places, float32[places, dimension]."""
        return self.snapshot.searcher.rows.take(self.rows[places])

    def documents(self, places: Int64) -> Int64:
        """The number of the document of each of some places."""
        return np.array(self.store.document_numbers(self.rows[places].tolist()), np.int64)


@contextmanager
def select_rows(store: Store, where: Where | None) -> Iterator[Selection]:
    """The live rows that fulfil a filter, of the newest state, which stays within the block.

    Raises :class:`QueryError` for a filter that fits no field or no type.
    """
    tree = None
    if where is not None:
        from semsearch.query.filters.mapping import to_tree

        tree = to_tree(where)
    with store.pinned(Extra.NONE if tree is None else Extra.FIELDS) as snapshot:
        allowed = allowed_rows(snapshot, tree).rows
        yield Selection(store, snapshot, snapshot.live_rows() if allowed is None else members(allowed))
