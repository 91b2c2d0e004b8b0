"""Replace a collection by its re-encoded copy while readers use it.

The new state grows in a collection of its own inside the folder, ``.reencode``; a run that was stopped goes on
there, since what is in it already is not encoded again. When all is there, its vectors are copied to files of the next
epoch, and its database takes the place of the old one in one transaction. Nothing of it is shared with the collection.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from semsearch.common.durable import sync_folder
from semsearch.common.errors import SemsearchError
from semsearch.encoder import Encoder
from semsearch.storage.canary import check_canary, make_canary
from semsearch.storage.creation import fill_folder
from semsearch.storage.database.connection import Connection, connect, discard, merge_log
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.database.schema import read_meta
from semsearch.storage.database.state import read_state, seal
from semsearch.storage.folder import DATABASE, FINISHED, SCRATCH
from semsearch.storage.handle import Handle
from semsearch.storage.settings import Definition, StoredEncoder
from semsearch.storage.sync import Sync, SyncReport
from semsearch.storage.tables import BLOCKS_OF, tables_in
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.vectors.committed import CommittedVectors
from semsearch.storage.vectors.compaction import copy_rows
from semsearch.storage.vectors.file import vector_file

__all__ = ["reencode_folder"]


def reencode_folder(
    folder: Path,
    meta: dict[str, Any],
    encoder: Encoder,
    progress: Callable[[SyncReport], None] | None = None,
) -> SyncReport:
    """Encode all documents of the collection in ``folder`` again; the caller holds its lock.

    ``meta`` is what the collection is made with now. A death before the last transaction leaves the old state, and
    beside it the new one as far as it has come; a death after it leaves only files that the next write removes.
    """
    with translate_errors(folder):
        shutil.rmtree(folder / FINISHED, ignore_errors=True)
        scratch = _open_scratch(folder, meta, encoder)
        try:
            report = _encode_documents(folder, scratch, encoder, progress)
        finally:
            scratch.close()
        _swap_in(folder)
        done = (folder / SCRATCH).rename(folder / FINISHED)  # half removed, it must not be taken for one to go on with
    shutil.rmtree(done, ignore_errors=True)
    return report


def _open_scratch(folder: Path, meta: dict[str, Any], encoder: Encoder) -> Handle:
    """The collection that the re-encoding grows in: that of a run that was stopped, or a new one."""
    path = folder / SCRATCH
    settings = Definition.from_meta(meta).settings
    with suppress(SemsearchError, OSError):
        scratch = Handle(path)
        begun = scratch.definition
        with scratch.pinned():
            pass  # its vectors are there
        if (begun.id, begun.settings, begun.encoder.fingerprint) == (meta["id"], settings, encoder.fingerprint):
            return scratch
        scratch.close()
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    stored = StoredEncoder.of(encoder, settings).to_json()
    fill_folder(path, {**meta, "encoder": stored, "canary": make_canary(encoder)})
    return Handle(path)


def _encode_documents(
    folder: Path, scratch: Handle, encoder: Encoder, progress: Callable[[SyncReport], None] | None
) -> SyncReport:
    """Bring the scratch collection up to date with the documents of the collection in ``folder``."""
    with closing(connect(folder / DATABASE)) as connection, scratch.writing() as writer:
        documents = (document for *_, document in DOCUMENTS.read_all(connection, folder))
        definition = scratch.definition
        check = partial(check_canary, encoder, definition.canary, folder.name)
        report = Sync(writer, definition.settings, lambda: encoder, progress=progress, check=check).run(documents, None)
        ids = DOCUMENTS.ids(connection, read_state(connection).documents, folder)
        writer.delete(sorted(set(writer.ids()) - set(ids)))
        return report


def _swap_in(folder: Path) -> None:
    """Make the state in ``.reencode`` the collection's: vectors are copied, then its database replaces the old one."""
    inner, swap = folder / SCRATCH, folder / SCRATCH / "swap.db"
    with closing(connect(folder / DATABASE, write=True)) as target:
        state = read_state(target)
        discard(swap)
        with closing(connect(inner / DATABASE)) as source:
            with closing(sqlite3.connect(swap)) as copy:
                source.backup(copy)
            with closing(connect(swap, write=True)) as copy:
                copy.execute("BEGIN IMMEDIATE")
                _take_over_vectors(source, inner, folder, copy, state.epoch + 1)
                copy.execute("UPDATE state SET generation = ?, epoch = ?", (state.generation + 1, state.epoch + 1))
                for table in tables_in(copy):
                    table.forget_derived(copy)
                seal(copy)
                copy.execute("COMMIT")
                merge_log(copy)
                copy.backup(target)
        merge_log(target)


def _take_over_vectors(source: Connection, inner: Path, folder: Path, copy: Connection, epoch: int) -> None:
    """Copy all rows to the collection's files of an epoch, and note the appends in the new database."""
    definition = Definition.read(read_meta(source, inner), inner)
    vectors = CommittedVectors(source, inner, definition)
    for kind in vectors.kinds:
        target = vector_file(folder, epoch, definition, kind)
        target.path.unlink(missing_ok=True)  # of a run that was interrupted
        target.create()
        table = BLOCKS_OF[kind]
        table.renumber(copy, folder)
        table.note(copy, copy_rows(vectors, kind, range(vectors.count(kind)), target))
    sync_folder(folder)
