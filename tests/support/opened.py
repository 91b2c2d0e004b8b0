"""What tests look at inside an open collection."""

from __future__ import annotations

from dataclasses import replace

from semsearch import Collection
from semsearch.index import Searcher
from semsearch.storage.snapshot import Snapshot

__all__ = ["snapshot_of", "with_threads"]


def snapshot_of(collection: Collection) -> Snapshot:
    """The newest committed state; the same object until a write is committed."""
    with collection._store.pinned() as snapshot:
        return snapshot


def with_threads(searcher: Searcher, threads: int) -> Searcher:
    """The same searcher with so many threads."""
    return replace(searcher, threads=threads)
