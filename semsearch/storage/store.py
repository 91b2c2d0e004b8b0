"""A collection on disk: made, opened, written to, described. Searching is the query layer's."""

from __future__ import annotations

import errno
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from semsearch.common.documents import Document, Float32, Span, SyncReport
from semsearch.common.environment import thread_count
from semsearch.common.errors import InputError, QueryError, SemsearchError, SpaceMismatchError
from semsearch.encoder import Encoder
from semsearch.index import Target
from semsearch.storage.canary import check_canary, make_canary
from semsearch.storage.database.connection import connect, create_schema
from semsearch.storage.database.errors import errors_translated
from semsearch.storage.database.state import checked_ids
from semsearch.storage.database.transaction import sync_folder
from semsearch.storage.folder import DATABASE, exists, not_found, taken
from semsearch.storage.handle import OpenedFolder
from semsearch.storage.locking import LOCK, clear
from semsearch.storage.settings import CollectionSettings, StoredEncoder, check_name
from semsearch.storage.sync import Sync, storable
from semsearch.storage.tables.passages import (
    StoredPassage,
    StoredWords,
    passages_of,
    passages_where,
    read_passages,
    read_places,
    read_words,
)
from semsearch.storage.upkeep.archive import export_archive, import_archive
from semsearch.storage.upkeep.reencode import SCRATCH, stored_documents, swap_in
from semsearch.storage.upkeep.status import Status, read_status
from semsearch.storage.upkeep.verify import Report, verify_folder
from semsearch.storage.vectors.file import vector_files

__all__ = ["Store", "checked_encoder"]

EXPORTED_ROWS = 1024
"""Rows that are read at a time."""


class Store(OpenedFolder):
    """An open collection. Threads may share one; several processes may read while one writes."""

    def __init__(
        self, path: Path, encoder: Encoder | None = None, *, device: str = "cpu", threads: int | None = None
    ) -> None:
        super().__init__(path, device)
        self.threads = thread_count(threads)
        self._encoder: Encoder | None = None
        if encoder is not None:
            try:
                self.attach(encoder)
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(
        cls, path: str | Path, encoder: Encoder | None = None, settings: CollectionSettings | None = None
    ) -> Self:
        """Make an empty collection in the folder ``path``, which must not exist yet.

        ``encoder`` is the default model unless told otherwise; its fingerprint is stored, and no other
        embedding space can enter the collection.
        """
        path = Path(path)
        check_name(path.name)
        encoder, settings = encoder or Encoder.load(), settings or CollectionSettings()
        stored = StoredEncoder.of(encoder, settings)
        meta: dict[str, Any] = {
            "settings": settings.to_json(),
            "encoder": stored.to_json(),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "canary": make_canary(encoder),
        }
        with errors_translated(path):
            if path.exists():
                raise taken(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
            scratch.mkdir()
            try:
                _make(scratch, meta, stored)
                _rename(scratch, path)
                sync_folder(path.parent)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return cls(path, encoder)

    @classmethod
    def open(
        cls, path: str | Path, encoder: Encoder | None = None, *, device: str = "cpu", threads: int | None = None
    ) -> Self:
        """Open the collection in the folder ``path``.

        Its own encoder is loaded when it is first needed; another one is refused with
        :class:`SpaceMismatchError` unless it makes vectors of the same space. Searches run on ``device``,
        ``cpu`` or ``cuda``, in ``threads`` threads, all cores unless told otherwise.
        """
        path = Path(path)
        if not exists(path):
            raise not_found(path)
        return cls(path, encoder, device=device, threads=threads)

    @property
    def name(self) -> str:
        """Name of the collection's folder."""
        return self.path.name

    @property
    def encoder(self) -> Encoder:
        """The encoder of the stored vectors, loaded on first use."""
        with self._lock:
            if self._encoder is None:
                stored = self.stored_encoder
                self._encoder = self._checked(Encoder.load(stored.model, options=stored.options))
            return self._encoder

    def attach(self, encoder: Encoder) -> None:
        """Use this encoder from now on; raises :class:`SpaceMismatchError` if it makes other vectors."""
        self._encoder = self._checked(encoder)

    def add(self, documents: Iterable[Document | str]) -> SyncReport:
        """Add documents (replacing those of the same id), encode what is new, and commit.

        What the iterable of documents raises is passed on; the batches that were committed before stay.
        """
        return self.sync(documents)

    def sync(
        self,
        documents: Iterable[Document | str],
        *,
        prune: Sequence[str] | None = None,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> SyncReport:
        """As :meth:`add`, and with ``prune`` also remove what is gone from these sources.

        ``progress`` is called after each commit with the counts up to then. A ``dry_run`` counts what
        would happen and changes nothing. ``notify`` hears of slow work on the index.
        """
        _refuse_one(documents, "documents")
        _refuse_one(prune, "prune")
        with self._writing(notify) as writer:
            encoder, canary = self.encoder, (self._meta or {}).get("canary")
            run = Sync(
                writer,
                self.settings,
                encoder,
                dry_run=dry_run,
                progress=progress,
                check=lambda: check_canary(encoder, canary, self.name),
            )
            return run.run(documents, prune)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents, effective at once for every reader; returns how many there were."""
        _refuse_one(ids, "ids")
        with self._writing() as writer:
            removed = writer.delete(list(dict.fromkeys(map(storable, ids))))
            writer.maintain()
            return removed

    def reencode(
        self,
        encoder: Encoder,
        *,
        progress: Callable[[SyncReport], None] | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> SyncReport:
        """Encode all documents again with this encoder, which becomes the collection's.

        Searches see the old state until all is done. A run that was stopped is taken up by the next one with the
        same encoder. Others who have the collection open must open it again.
        """
        with self._locked(notify):
            inner = self._reencoding(encoder)
            with closing(connect(self.path / DATABASE)) as connection:
                report = inner.sync(stored_documents(connection, self.path), progress=progress, notify=notify)
                inner.delete(sorted(set(inner.ids()) - set(checked_ids(connection))))
            inner.close()
            self.close()
            with errors_translated(self.path):
                swap_in(self.path)
        self._meta = self._snapshot = None
        self._read_meta()
        self.attach(encoder)
        with self._writing(notify) as writer:
            writer.maintain()
            writer.indexes.sweep()
        return report

    def compact(self, *, notify: Callable[[str], None] | None = None) -> None:
        """Remove deleted rows from the files and build the index anew, without stopping readers."""
        with self._writing(notify) as writer:
            writer.compact()

    def use_index(self, factory: str) -> None:
        """Have the index of a FAISS factory string, such as ``HNSW32``, when it is next built, or ``auto``."""
        with self._writing() as writer:
            writer.indexes.choose(factory)

    def tune(self, *, recall: float | None = None, latency_ms: float | None = None) -> Status:
        """Choose how much of the index a query looks at: for a recall@10, or for the milliseconds of a query.

        The choice is measured, stored, and made again whenever the index is. Returns the new status.
        """
        target = _target(recall, latency_ms)
        with self._writing() as writer:
            writer.indexes.tune(target)
        return self.status()

    def rows(self) -> Iterator[tuple[StoredPassage, Float32]]:
        """All passages of one committed state with their vectors, float32[dimension], in the order of vector ids."""
        with self.pinned() as snapshot:
            ids = np.arange(snapshot.rows, dtype=np.int64)
            live = np.setdiff1d(ids, snapshot.dead, assume_unique=True)
            for first in range(0, len(live), EXPORTED_ROWS):
                part = live[first : first + EXPORTED_ROWS]
                passages = self.passages(part.tolist())
                vectors = snapshot.searcher.rows.take(part)
                yield from ((passages[vector], row) for vector, row in zip(part.tolist(), vectors, strict=True))

    def export(self, target: IO[bytes]) -> None:
        """Write the newest committed state as one archive, while others read and write; see :meth:`load`."""
        export_archive(self.path, self.stored_encoder, target)

    @classmethod
    def load(cls, source: IO[bytes], indexes: str | Path, name: str | None = None) -> Self:
        """Make a collection of an archive in the folder ``indexes``, and open it."""
        return cls.open(import_archive(source, Path(indexes), name))

    def verify(self) -> Report:
        """Compare everything on disk with its checksums, and say what is wrong and how it can be mended."""
        return verify_folder(self.path)

    def passages(self, vectors: Sequence[int]) -> dict[int, StoredPassage]:
        """The passages of vector ids of a state that is :meth:`pinned`."""
        with errors_translated(self.path):
            return read_passages(self._connection, vectors, self.path)

    def passages_where(self, wanted: Callable[[str], object]) -> list[int]:
        """Vector ids of the passages whose text fulfils a condition, such as that a pattern is found in it.

        The condition must hold for a text of which a part fulfils it.
        """
        with errors_translated(self.path), self._reading() as connection:
            return passages_where(connection, wanted, self.path)

    def words(self, passages: Sequence[StoredPassage]) -> list[StoredWords]:
        """The words of passages of a state that is :meth:`pinned`, in a collection that keeps them."""
        with errors_translated(self.path):
            return read_words(self._connection, passages, self.path)

    def places(self, rows: Sequence[int]) -> list[tuple[StoredPassage, Span]]:
        """The passage and the place of the word of each of these rows, in a state that is :meth:`pinned`."""
        with errors_translated(self.path):
            return read_places(self._connection, rows, self.path)

    def vectors_of(self, document: str) -> list[int] | None:
        """Vector ids of a document's passages in order; ``None`` if there is no such document."""
        with errors_translated(self.path):
            return passages_of(self._connection, storable(document), self.path)

    def ids(self) -> Iterator[str]:
        """Ids of all documents, in alphabetical order."""
        with errors_translated(self.path), self._reading() as connection:
            found = checked_ids(connection)
        yield from found  # an open cursor would hold this thread at an old state

    def status(self) -> Status:
        """The collection in figures."""
        with errors_translated(self.path), self._reading() as connection:
            return read_status(connection, self.path, self.settings, self.stored_encoder, self.created)

    def drop(self) -> None:
        """Delete the collection and its files for good."""
        with self._locked(), errors_translated(self.path):  # whoever is writing finishes first
            self.close()
            (self.path / DATABASE).unlink()  # from here on it is no collection, for those who wait to write
            for entry in self.path.iterdir():
                if entry.name != LOCK:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        clear(self.path)

    def _reencoding(self, encoder: Encoder) -> Store:
        """The collection that a re-encoding grows in: that of a run that was stopped, or a new one."""
        path = self.path / SCRATCH
        stored = StoredEncoder.of(encoder, self.settings)
        meta = {**(self._meta or {}), "encoder": stored.to_json(), "canary": make_canary(encoder)}
        with suppress(SemsearchError):
            if exists(path):
                inner = Store(path, encoder)
                if inner.stored_encoder.fingerprint == encoder.fingerprint:
                    return inner
                inner.close()
        with errors_translated(self.path):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            _make(path, meta, stored)
        return Store(path, encoder)

    def _checked(self, encoder: Encoder) -> Encoder:
        return checked_encoder(encoder, self.stored_encoder, self.name)


def checked_encoder(encoder: Encoder, stored: StoredEncoder, name: str) -> Encoder:
    """The encoder, if it makes vectors of the collection's space; raises :class:`SpaceMismatchError`."""
    if encoder.fingerprint != stored.fingerprint:
        raise SpaceMismatchError(
            f"collection {name!r} holds vectors of {stored.model!r} ({stored.fingerprint[:8]}), but the "
            f"encoder is {encoder.name!r} ({encoder.fingerprint[:8]}): their scores would mean nothing. "
            "Open it with its own model, index the sources into a new collection, or encode everything again: "
            "semsearch index NAME --reencode --model MODEL"
        )
    return encoder


def _make(folder: Path, meta: dict[str, Any], encoder: StoredEncoder) -> None:
    (folder / DATABASE).touch()
    connection = connect(folder / DATABASE, write=True)
    try:
        create_schema(connection, meta)
    finally:
        connection.close()
    for file in vector_files(folder, 0, encoder).values():
        file.create()
    sync_folder(folder)


def _rename(scratch: Path, path: Path) -> None:
    try:
        scratch.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise taken(path) from error
        raise


def _target(recall: float | None, latency_ms: float | None) -> Target:
    if (recall is None) == (latency_ms is None):
        raise QueryError("tune for one of two: a recall, such as 0.98, or milliseconds a query, such as 1")
    if recall is not None and not 0 < recall <= 1:
        raise QueryError(f"recall {recall} cannot be; choose more than 0, and 1 at most")
    if latency_ms is not None and not 0 < latency_ms < float("inf"):
        raise QueryError(f"{latency_ms} milliseconds cannot be; choose more than 0")
    return Target(recall, latency_ms)


def _refuse_one(values: object, what: str) -> None:
    """A single string is iterable too, but its letters are not what was meant."""
    if isinstance(values, str | bytes | Document):
        raise InputError(f"{what} is a single one, {values!r:.40}; put it in a list")
