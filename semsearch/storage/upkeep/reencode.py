"""Encode a whole collection again, with another encoder or the same one, while the old state is served.

The new state grows in a collection of its own inside the folder, ``.reencode``; a run that was stopped goes on
there, since what is in it already is not encoded again. When all is there, its database takes the place of the old
one in one transaction.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from semsearch.common.documents import Document
from semsearch.storage.database.connection import connect, merge_log
from semsearch.storage.database.state import has_words, read_state, seal
from semsearch.storage.database.transaction import sync_folder
from semsearch.storage.folder import DATABASE, PASSAGES, WORDS, vector_file
from semsearch.storage.tables.passages import DOCUMENT, checked_document
from semsearch.storage.vectors.index_builder import forget_index

__all__ = ["SCRATCH", "stored_documents", "swap_in"]

SCRATCH = ".reencode"
PAGE = 500
"""Documents that are read at a time."""


def stored_documents(connection: sqlite3.Connection, path: Path) -> Iterator[Document]:
    """All documents in the order of their numbers, each compared with its hash."""
    last = -1
    query = f"SELECT {DOCUMENT} FROM documents d WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608 - a constant
    while rows := connection.execute(query, (last, PAGE)).fetchall():
        yield from (checked_document(row, path) for row in rows)
        last = rows[-1][0]


def swap_in(folder: Path) -> None:
    """Make the collection in ``.reencode`` the one in ``folder``; the caller holds the lock of both.

    A crash before the last transaction leaves the old state, and the new one beside it; after it, only files that
    the next write removes.
    """
    inner = folder / SCRATCH
    with closing(connect(folder / DATABASE, write=True)) as target:
        generation, epoch, *_ = read_state(target)
        swap = inner / "swap.db"
        _discard(swap)
        with closing(connect(inner / DATABASE, write=True)) as source, closing(sqlite3.connect(swap)) as copy:
            _, own_epoch, *_ = read_state(source)
            source.backup(copy)
        matrices = (PASSAGES, WORDS) if has_words(target) else (PASSAGES,)
        for matrix in matrices:
            placed = vector_file(folder, epoch + 1, matrix)
            placed.unlink(missing_ok=True)
            _link(vector_file(inner, own_epoch, matrix), placed)
        sync_folder(folder)
        with closing(connect(swap, write=True)) as copy:
            copy.execute("BEGIN IMMEDIATE")
            copy.execute("UPDATE state SET generation = ?, epoch = ?", (generation + 1, epoch + 1))
            for matrix in matrices:
                forget_index(copy, matrix)
            seal(copy)
            copy.execute("COMMIT")
            merge_log(copy)
            copy.backup(target)
        merge_log(target)
    shutil.rmtree(inner, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """The same file under a second name, or a copy where there are no links; its bytes are durable."""
    with suppress(OSError):
        os.link(source, target)
        return
    with source.open("rb") as old, target.open("xb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())


def _discard(database: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
