"""The folder of an open collection: connections of its threads, the state they read, its settings, its writer."""

from __future__ import annotations

import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from semsearch.common.errors import CollectionNotFoundError, DamagedError, DamagedIndexWarning, SemsearchError
from semsearch.storage.database.committed import check_commits, last_noted
from semsearch.storage.database.connection import (
    FORMAT,
    Connection,
    connect,
    format_of,
    merge_log,
    read_meta,
)
from semsearch.storage.database.errors import errors_translated
from semsearch.storage.database.migrations import migrate
from semsearch.storage.database.state import check_seal, read_state
from semsearch.storage.folder import DATABASE, exists, not_found
from semsearch.storage.locking import writer_lock
from semsearch.storage.settings import CollectionSettings, StoredEncoder, stored_settings
from semsearch.storage.snapshot import Snapshot, load_snapshot, state
from semsearch.storage.writer import Writer

__all__ = ["OpenedFolder"]


class OpenedFolder:
    """A collection's folder, opened. A thread has a connection of its own; the newest state is shared by all."""

    def __init__(self, path: Path, device: str) -> None:
        self.path = path
        self.device = device
        self.timeout: float | None = None
        """Seconds that a write waits for another process's; half a minute unless set."""
        self.on_wait: Callable[[str], None] | None = None
        """Hears that a write has to wait."""
        self._local = threading.local()
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._meta: dict[str, Any] | None = None
        self._meta_crc = 0
        try:
            with errors_translated(path):
                if format_of(self._connection, path) < FORMAT:
                    self._upgrade()
            self._read_meta()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def pinned(self, with_words: bool = False) -> Iterator[Snapshot]:
        """The newest committed state. Within the block this thread reads that state, whatever is written.

        ``with_words`` asks for the vectors of words, too, where such are kept.
        """
        with ExitStack() as stack:
            with errors_translated(self.path):  # not around the block, whose errors are not ours
                snapshot = self._pin(stack, with_words)
            yield snapshot

    def snapshot(self) -> Snapshot:
        """The newest committed state, ready to be searched; the same object until a write is committed."""
        with self.pinned() as snapshot:
            return snapshot

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
    def _connection(self) -> Connection:
        """This thread's read-only connection, opened anew if the file behind it is another one."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None and connection.in_transaction:
            return connection
        if not exists(self.path):
            raise not_found(self.path)
        if connection is not None and connection.outdated:
            self.close()
            self._snapshot = connection = None
        if connection is None:
            connection = connect(self.path / DATABASE)
            self._refuse_another(connection)
            self._local.connection = connection
        return connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: all queries in the block see one committed state."""
        connection = self._connection
        if connection.in_transaction:  # within a pinned block, whose state it is
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if not _ended(connection):
                self.close()

    def _pin(self, stack: ExitStack, with_words: bool) -> Snapshot:
        """Begin reading and load the state that is read.

        A file of it may be missing because a writer has just put another state in its place: only what is
        still so on a second look, at the same state, is damage.
        """
        tried: int | None = None
        while True:
            with ExitStack() as attempt:
                connection = attempt.enter_context(self._reading())
                with self._lock:  # the first read is what pins: one thread after the other, lest a state come back
                    generation, *_, settings, _ = read_state(connection)
                    if settings != self._meta_crc:
                        self._refuse_another(connection)
                    try:
                        how = self.stored_encoder, self.settings.metric, self.device
                        found = load_snapshot(connection, self.path, *how, self._snapshot, with_words)
                        damage = found.damage if found is not self._snapshot else None
                    except DamagedError:
                        if generation == tried:
                            raise
                        damage = "not sound"
                    if damage is None or generation == tried:
                        self._snapshot = found
                        stack.push(attempt.pop_all())
                        if damage:
                            warnings.warn(damage, DamagedIndexWarning, stacklevel=4)
                        return found
                    tried = generation

    def _locked(self, notify: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """The writer's lock."""
        return writer_lock(self.path, self.timeout, self.on_wait or notify)

    @contextmanager
    def _writing(self, notify: Callable[[str], None] | None = None) -> Iterator[Writer]:
        """The writer, under its lock."""
        with self._locked(notify), ExitStack() as stack:
            with errors_translated(self.path):
                connection = stack.enter_context(closing(connect(self.path / DATABASE, write=True)))
                stack.callback(merge_log, connection)
                self._refuse_another(connection)
                check_seal(connection)
                check_commits(self.path, state(connection)[0], last_noted(self.path))
            yield Writer(connection, self.path, self.stored_encoder, self.settings.metric, notify)

    def _read_meta(self) -> None:
        """Settings, encoder and canary as they are stored now."""
        noted = last_noted(self.path)
        with errors_translated(self.path), self._reading() as connection:
            self._meta = read_meta(connection, self.path)
            generation, *_, self._meta_crc, _ = read_state(connection)
            check_commits(self.path, generation, noted)
        self.settings, self.stored_encoder, self.created = _understood(self._meta, self.path)

    def _upgrade(self) -> None:
        """Bring a collection of an older format to today's, in one transaction."""
        self.close()
        with self._locked(), closing(connect(self.path / DATABASE, write=True)) as connection:
            if format_of(connection, self.path) < FORMAT:  # nobody has done so while we waited
                migrate(connection, self.path)
                merge_log(connection)

    def _refuse_another(self, connection: sqlite3.Connection) -> None:
        """Raise if what is on disk now is not the collection that was opened."""
        if self._meta is not None and read_meta(connection, self.path) != self._meta:
            raise CollectionNotFoundError(
                f"collection {self.path} was encoded again with another model, or dropped and another one made in its "
                "place; open it again"
            )


def _ended(connection: sqlite3.Connection) -> bool:
    """Whether a read transaction is over now: of a damaged file even that may fail."""
    with suppress(sqlite3.DatabaseError):
        connection.execute("ROLLBACK")
    return not connection.in_transaction


def _understood(meta: dict[str, Any], path: Path) -> tuple[CollectionSettings, StoredEncoder, str]:
    try:
        return *stored_settings(meta), str(meta["created"])
    except (KeyError, TypeError, ValueError, SemsearchError) as error:
        raise DamagedError(
            f"settings of collection {path} are damaged ({error}); run: semsearch verify {path.name}"
        ) from error
