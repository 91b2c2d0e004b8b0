"""Deleted rows removed from the files: all others are copied to the next epoch's, and get new vector ids.

Files, index and ids are put in place in one commit; until then, and after a crash before it, the old ones count.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.documents import Int64
from semsearch.encoder.words import words_crc
from semsearch.storage.database.connection import passage_crc
from semsearch.storage.database.state import damaged
from semsearch.storage.database.transaction import Transaction, sync_folder
from semsearch.storage.folder import PASSAGES, WORDS, Matrix
from semsearch.storage.snapshot import state
from semsearch.storage.vectors.committed import Block, Matrices
from semsearch.storage.vectors.file import VectorFile
from semsearch.storage.vectors.index_builder import IndexState, write_index_state
from semsearch.storage.vectors.index_writer import IndexWriter

__all__ = ["compact"]

COPIED_ROWS = 16_384
"""Rows that are copied at a time."""


def compact(connection: sqlite3.Connection, matrices: Matrices, indexes: IndexWriter) -> None:
    """Write the vector files without their deleted rows and the indexes anew, in one commit; the rest is swept."""
    generation, epoch, _ = state(connection)
    compacted = {matrix: _compacted(connection, matrices, indexes, matrix, epoch + 1) for matrix in matrices.kinds}
    sync_folder(matrices.folder)
    with Transaction(connection):
        _renumber(connection, matrices)
        connection.execute("DELETE FROM dead")
        for matrix, (blocks, index) in compacted.items():
            table = matrix.blocks
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
            matrices.note(matrix, blocks)
            write_index_state(connection, index, matrix)
        kept = sum(count for _, count, _ in compacted[PASSAGES][0])
        connection.execute("UPDATE state SET generation = ?, epoch = ?, rows = ?", (generation + 1, epoch + 1, kept))
    indexes.sweep()


def _compacted(
    connection: sqlite3.Connection, matrices: Matrices, indexes: IndexWriter, matrix: Matrix, epoch: int
) -> tuple[list[Block], IndexState]:
    """Copy the rows that count to the file of another epoch, and build their index."""
    target = matrices.file(matrix, epoch)
    target.path.unlink(missing_ok=True)  # of a compaction that was interrupted
    target.create()
    blocks = list(_copied(matrices, matrix, _live(connection, matrix), target))
    return blocks, indexes.built(matrix, target.open(sum(count for _, count, _ in blocks)))


def _copied(matrices: Matrices, matrix: Matrix, live: Int64, target: VectorFile) -> Iterator[Block]:
    """Append the rows that count to another file; yields what is to be noted of each append."""
    source = matrices.rows(matrix)
    for first in range(0, len(live), COPIED_ROWS):
        vectors = source.take(live[first : first + COPIED_ROWS])
        yield first, len(vectors), target.append(first, vectors)


def _live(connection: sqlite3.Connection, matrix: Matrix) -> Int64:
    """The rows of passages, or of their words, in the order of passages."""
    if matrix == WORDS:
        spans = connection.execute("SELECT first, number FROM words ORDER BY passage").fetchall()
        return np.concatenate([np.arange(0), *(np.arange(first, first + number) for first, number in spans)])
    return np.fromiter((row[0] for row in connection.execute("SELECT vector FROM passages ORDER BY vector")), np.int64)


def _renumber(connection: sqlite3.Connection, matrices: Matrices) -> None:
    """Give passages the vector ids 0, 1, 2, … in their order, and their words likewise.

    A row's new checksum is not to hide that it did not match the old one.
    """
    if WORDS in matrices.kinds:
        _renumber_words(connection, matrices)
    connection.execute("CREATE TEMP TABLE former AS SELECT * FROM passages ORDER BY vector")
    connection.execute("DELETE FROM passages")
    former = connection.execute("SELECT vector, document, ordinal, start, stop, cut, crc FROM former ORDER BY vector")
    connection.executemany("INSERT INTO passages VALUES (?,?,?,?,?,?,?)", _renumbered(former, matrices.folder))
    connection.execute("DROP TABLE former")


def _renumbered(former: Iterable[tuple[Any, ...]], folder: Path) -> Iterator[tuple[Any, ...]]:
    for vector, (old, number, ordinal, start, stop, cut, crc) in enumerate(former):
        if passage_crc(old, number, ordinal, (start, stop), cut) != crc:
            raise damaged(folder, f"passage {old} does not match its checksum")
        check = passage_crc(vector, number, ordinal, (start, stop), cut)
        yield vector, number, ordinal, start, stop, cut, check


def _renumber_words(connection: sqlite3.Connection, matrices: Matrices) -> None:
    former = connection.execute("SELECT passage, first, number, spans, crc FROM words ORDER BY passage").fetchall()
    if not all(words_crc(*row[:4]) == row[4] for row in former):
        raise damaged(matrices.folder, "the words of a passage do not match their checksum")
    connection.execute("DELETE FROM words")
    firsts = np.cumsum([0, *(row[2] for row in former)]).tolist()
    rows = [(passage, first, row[2], row[3]) for passage, (first, row) in enumerate(zip(firsts, former, strict=False))]
    connection.executemany("INSERT INTO words VALUES (?,?,?,?,?)", [(*row, words_crc(*row)) for row in rows])
