"""A collection on disk: made, opened, written to, described. Searching is the query layer's."""

from __future__ import annotations

import difflib
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from semsearch.collection.database import connect, create_schema, errors_translated, read_meta
from semsearch.collection.settings import CollectionSettings, StoredEncoder, check_name
from semsearch.collection.snapshot import Snapshot, StoredPassage, load_snapshot, read_passages, state
from semsearch.collection.sync import Sync
from semsearch.collection.vectors import VectorFile
from semsearch.collection.writer import Writer, sync_folder
from semsearch.encoder import Encoder
from semsearch.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    LockedError,
    SpaceMismatchError,
)
from semsearch.types import Document, SyncReport

__all__ = ["Status", "Store", "exists", "list_collections"]

DATABASE = "collection.db"
LOCK = "write.lock"
LOCK_SECONDS = 30.0
"""How long a second writer waits for the first."""


@dataclass(frozen=True, slots=True)
class Status:
    """A collection in figures. ``bytes`` is its size on disk; ``tail`` counts rows behind the index."""

    name: str
    path: str
    documents: int
    passages: int
    truncated: int
    deleted: int
    model: str
    dimension: int
    fingerprint: str
    unit: str
    generation: int
    indexed: int
    tail: int
    bytes: int
    created: str


class Store:
    """An open collection. Threads may share one; several processes may read while one writes."""

    def __init__(self, path: Path, encoder: Encoder | None = None) -> None:
        self.path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._encoder: Encoder | None = None
        with errors_translated(path):
            meta = read_meta(self._connection, path)
        self.settings = CollectionSettings.from_json(meta["settings"])
        self.stored_encoder = StoredEncoder.from_json(meta["encoder"])
        self.created = str(meta["created"])
        if encoder is not None:
            self.attach(encoder)

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
        encoder = encoder or Encoder.load()
        stored = StoredEncoder(encoder.name, encoder.options, encoder.fingerprint, encoder.dimension)
        meta: dict[str, Any] = {
            "settings": (settings or CollectionSettings()).to_json(),
            "encoder": stored.to_json(),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        with errors_translated(path):
            if path.exists():
                raise CollectionExistsError(f"{path} exists already; open it, drop it, or choose another name")
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
            try:
                _make(scratch, meta, stored.dimension)
                scratch.chmod(0o755)
                scratch.rename(path)
                sync_folder(path.parent)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return cls(path, encoder)

    @classmethod
    def open(cls, path: str | Path, encoder: Encoder | None = None) -> Self:
        """Open the collection in the folder ``path``.

        Its own encoder is loaded when it is first needed; another one is refused with
        :class:`SpaceMismatchError` unless it makes vectors of the same space.
        """
        path = Path(path)
        if not exists(path):
            raise CollectionNotFoundError(f"there is no collection {path.name!r} in {path.parent}; {_nearest(path)}")
        return cls(path, encoder)

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
        """Add documents (replacing those of the same id), encode what is new, and commit."""
        return self.sync(documents)

    def sync(
        self,
        documents: Iterable[Document | str],
        *,
        prune: Sequence[str] | None = None,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
    ) -> SyncReport:
        """As :meth:`add`, and with ``prune`` also remove what is gone from these sources.

        ``progress`` is called after each commit with the counts up to then. A ``dry_run`` counts what
        would happen and changes nothing.
        """
        with self._writing() as (writer, connection):
            run = Sync(writer, connection, self.settings, self.encoder, dry_run=dry_run, progress=progress)
            return run.run(documents, prune)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents, effective at once for every reader; returns how many there were."""
        with self._writing() as (writer, _):
            return writer.delete(list(dict.fromkeys(ids)))

    def snapshot(self) -> Snapshot:
        """The newest committed state, ready to be searched; the same object until a write is committed."""
        with errors_translated(self.path):
            earlier = self._snapshot
            if earlier is not None and state(self._connection)[0] == earlier.generation:
                return earlier
            with self._lock, self._reading() as connection:
                self._snapshot = load_snapshot(connection, self.path, self._vectors(connection), self._snapshot)
                return self._snapshot

    def passages(self, vectors: Sequence[int]) -> dict[int, StoredPassage]:
        """The passages of vector ids; those that were deleted meanwhile are missing."""
        with errors_translated(self.path):
            return read_passages(self._connection, vectors, self.path)

    def vectors_of(self, document: str) -> list[int] | None:
        """Vector ids of a document's passages in order; ``None`` if there is no such document."""
        with errors_translated(self.path):
            row = self._connection.execute("SELECT number FROM documents WHERE id = ?", (document,)).fetchone()
            if row is None:
                return None
            rows = self._connection.execute("SELECT vector FROM passages WHERE document = ? ORDER BY ordinal", row)
            return [vector for (vector,) in rows]

    def ids(self) -> Iterator[str]:
        """Ids of all documents, in alphabetical order."""
        with errors_translated(self.path):
            for (found,) in self._connection.execute("SELECT id FROM documents ORDER BY id"):
                yield found

    def status(self) -> Status:
        """The collection in figures."""
        with errors_translated(self.path), self._reading() as connection:
            generation, _, rows = state(connection)
            documents = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
            passages, truncated = connection.execute("SELECT count(*), total(cut > 0) FROM passages").fetchone()
            indexed = connection.execute("SELECT coalesce(max(rows), 0) FROM indexes").fetchone()[0]
            return Status(
                name=self.name,
                path=str(self.path),
                documents=documents,
                passages=passages,
                truncated=int(truncated),
                deleted=rows - passages,
                model=self.stored_encoder.model,
                dimension=self.stored_encoder.dimension,
                fingerprint=self.stored_encoder.fingerprint,
                unit=self.settings.unit.value,
                generation=generation,
                indexed=indexed,
                tail=rows - indexed,
                bytes=sum(file.stat().st_size for file in self.path.iterdir() if file.is_file()),
                created=self.created,
            )

    def drop(self) -> None:
        """Delete the collection and its files for good."""
        with self._writing():
            pass  # whoever is writing finishes first
        with errors_translated(self.path):
            self.close()
            shutil.rmtree(self.path)

    def close(self) -> None:
        """Close this thread's connection; the collection can be used again and opens a new one."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _connection(self) -> sqlite3.Connection:
        """This thread's read-only connection."""
        if not hasattr(self._local, "connection"):
            self._local.connection = connect(self.path / DATABASE)
        connection: sqlite3.Connection = self._local.connection
        return connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: all queries in the block see one committed state."""
        connection = self._connection
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[tuple[Writer, sqlite3.Connection]]:
        """The writer's lock, a writing connection and the writer."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / LOCK)
        with errors_translated(self.path):
            try:
                lock.acquire(timeout=LOCK_SECONDS)
            except Timeout:
                raise LockedError(
                    f"another process has been writing to collection {self.path} for {LOCK_SECONDS:.0f} s; "
                    "try again when it has finished"
                ) from None
            try:
                connection = connect(self.path / DATABASE, write=True)
                try:
                    yield Writer(connection, self.path, self._vectors(connection)), connection
                finally:
                    connection.close()
            finally:
                lock.release()

    def _vectors(self, connection: sqlite3.Connection) -> VectorFile:
        epoch = state(connection)[1]
        return VectorFile(self.path / f"vectors-{epoch}.f16", self.stored_encoder.dimension)

    def _checked(self, encoder: Encoder) -> Encoder:
        stored = self.stored_encoder
        if encoder.fingerprint != stored.fingerprint:
            raise SpaceMismatchError(
                f"collection {self.name!r} holds vectors of {stored.model!r} ({stored.fingerprint[:8]}), but the "
                f"encoder is {encoder.name!r} ({encoder.fingerprint[:8]}): their scores would mean nothing. "
                "Open it with its own model, or index the sources into a new collection"
            )
        return encoder


def _make(folder: Path, meta: dict[str, Any], dimension: int) -> None:
    connection = connect(folder / DATABASE, write=True)
    try:
        create_schema(connection, meta)
    finally:
        connection.close()
    VectorFile(folder / "vectors-0.f16", dimension).create()
    sync_folder(folder)


def exists(path: Path) -> bool:
    """Whether there is a collection in the folder ``path``."""
    return (path / DATABASE).is_file()


def list_collections(folder: Path) -> list[str]:
    """Names of the collections in a folder, in alphabetical order; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and exists(entry))


def _nearest(path: Path) -> str:
    names = list_collections(path.parent)
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names[:8])}" if names else "make one with: semsearch index NAME PATH"
