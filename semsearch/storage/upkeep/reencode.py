"""Replace a collection by its re-encoded copy while readers use it.

The new state grows in a collection of its own inside the folder, ``.reencode``; a run that was stopped goes on
there, since what is in it already is not encoded again. When all is there, its database takes the place of the old
one in one transaction.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from semsearch.common.durable import link_or_copy, sync_folder
from semsearch.storage.database.connection import connect, discard, merge_log
from semsearch.storage.database.schema import read_meta
from semsearch.storage.database.state import read_state, seal
from semsearch.storage.folder import DATABASE
from semsearch.storage.settings import Definition
from semsearch.storage.tables import tables_in

__all__ = ["SCRATCH", "swap_in"]

SCRATCH = ".reencode"


def swap_in(folder: Path) -> None:
    """Make the collection in ``.reencode`` the one in ``folder``; the caller holds the lock of both.

    A crash before the last transaction leaves the old state, and the new one beside it; after it, only files that
    the next write removes.
    """
    inner = folder / SCRATCH
    with closing(connect(folder / DATABASE, write=True)) as target:
        state = read_state(target)
        swap = inner / "swap.db"
        discard(swap)
        with closing(connect(inner / DATABASE, write=True)) as source, closing(sqlite3.connect(swap)) as copy:
            inner_epoch = read_state(source).epoch
            kinds = Definition.read(read_meta(source, inner), inner).dimensions
            source.backup(copy)
        for kind in kinds:
            placed = kind.vector_path(folder, state.epoch + 1)
            placed.unlink(missing_ok=True)
            link_or_copy(kind.vector_path(inner, inner_epoch), placed)
        sync_folder(folder)
        with closing(connect(swap, write=True)) as copy:
            copy.execute("BEGIN IMMEDIATE")
            copy.execute("UPDATE state SET generation = ?, epoch = ?", (state.generation + 1, state.epoch + 1))
            for table in tables_in(copy):
                table.forget_derived(copy)
            seal(copy)
            copy.execute("COMMIT")
            merge_log(copy)
            copy.backup(target)
        merge_log(target)
    shutil.rmtree(inner, ignore_errors=True)
