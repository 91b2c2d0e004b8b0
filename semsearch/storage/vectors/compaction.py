"""Deleted rows removed from the files: all others are copied to the next epoch's, and are numbered anew.

Files, indexes and numbers are put in place in one commit; until then, and after a crash before it, the old ones count.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np

from semsearch.common.arrays import Int64, chunks
from semsearch.common.durable import sync_folder
from semsearch.storage.database.state import read_state
from semsearch.storage.database.transaction import Transaction
from semsearch.storage.segments.writer import SegmentWriter
from semsearch.storage.tables import BLOCKS_OF, tables_in
from semsearch.storage.tables.passages import PASSAGES
from semsearch.storage.tables.table import Append
from semsearch.storage.tables.words import WORDS
from semsearch.storage.vectors.committed import CommittedVectors
from semsearch.storage.vectors.file import VectorFile
from semsearch.storage.vectors.index_state import IndexState, write_index_state
from semsearch.storage.vectors.index_writer import IndexWriter
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

__all__ = ["compact", "copy_rows"]

COPIED_ROWS = 16_384
"""Rows that are copied at a time."""


def compact(
    connection: sqlite3.Connection, vectors: CommittedVectors, indexes: IndexWriter, segments: SegmentWriter
) -> None:
    """Write the vector files without their deleted rows and the indexes anew, in one commit; the rest is swept."""
    state = read_state(connection)
    compacted = {kind: _compact_file(connection, vectors, indexes, kind, state.epoch + 1) for kind in vectors.kinds}
    live = np.zeros(state.rows, np.bool_)
    live[PASSAGES.live_rows(connection)] = True
    kept_segments = segments.compacted(live)
    sync_folder(vectors.folder)
    with Transaction(connection):
        for table in reversed(tables_in(connection)):
            table.renumber(connection, vectors.folder)
        for kind, (appends, index) in compacted.items():
            BLOCKS_OF[kind].note(connection, appends)
            write_index_state(connection, index, kind)
        segments.put(kept_segments)
        kept = sum(append.rows for append in compacted[PASSAGE_VECTORS][0])
        connection.execute(
            "UPDATE state SET generation = ?, epoch = ?, rows = ?", (state.generation + 1, state.epoch + 1, kept)
        )
    indexes.sweep()


def _compact_file(
    connection: sqlite3.Connection, vectors: CommittedVectors, indexes: IndexWriter, kind: VectorKind, epoch: int
) -> tuple[list[Append], IndexState]:
    """Copy the rows that count to the file of another epoch, and build their index."""
    target = vectors.file(kind, epoch)
    target.path.unlink(missing_ok=True)  # of a compaction that was interrupted
    target.create()
    appends = list(copy_rows(vectors, kind, _live_rows(connection, kind), target))
    return appends, indexes.build_over(kind, target.open(sum(append.rows for append in appends)))


def copy_rows(
    vectors: CommittedVectors, kind: VectorKind, live: Sequence[int] | Int64, target: VectorFile
) -> Iterator[Append]:
    """Append committed rows to another file; yields what is to be noted of each append."""
    source = vectors.rows(kind)
    first = 0
    for part in chunks(live, COPIED_ROWS):
        copied = source.take(np.asarray(part, np.int64))
        yield Append(first, len(copied), target.append(first, copied))
        first += len(copied)


def _live_rows(connection: sqlite3.Connection, kind: VectorKind) -> Int64:
    """The rows of passages, or of their words, in the order of passages."""
    if kind is WORD_VECTORS:
        return WORDS.live_rows(connection)
    return np.array(PASSAGES.live_rows(connection), np.int64)
