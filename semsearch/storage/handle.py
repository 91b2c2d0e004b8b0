"""The handle of an open collection: connections of its threads, the state they read, its settings, its writer."""

from __future__ import annotations

import sqlite3
import threading
import warnings
import weakref
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.common.environment import thread_count
from semsearch.common.errors import CollectionError, CollectionNotFoundError, DamagedError, DamagedIndexWarning
from semsearch.common.forks import before_fork, keep_for_ever, renew_in_child, unforked
from semsearch.storage.database.connection import Connection, connect, merge_log
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.database.schema import FORMAT, format_of, read_meta
from semsearch.storage.database.state import State, check_seal, read_state
from semsearch.storage.database.transaction import check_commits, last_noted
from semsearch.storage.folder import DATABASE, exists, not_found_error, refuse_links
from semsearch.storage.locking import writer_lock
from semsearch.storage.settings import Definition
from semsearch.storage.snapshot import Extra, Snapshot, SnapshotLoader

if TYPE_CHECKING:
    from semsearch.storage.writer import Writer

__all__ = ["Handle"]


class _Reader:
    """What a thread reads with: its connection, and the state within a read transaction.

    ``changing`` says that one of the two is between two values: a signal handler that searches must not go on with it.
    """

    connection: Connection | None = None
    state: State
    changing = False

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


_readers: weakref.WeakValueDictionary[int, _Reader] = weakref.WeakValueDictionary()
"""Of all handles and threads of this process."""


def _close_idle(busy: Set[int]) -> None:
    """Close the connections of threads that do not read, before a fork; they open new ones."""
    for reference in _readers.valuerefs():
        reader = reference()
        if reader is not None and reader.thread not in busy:
            reader.close()


before_fork(_close_idle)


class Handle:
    """A collection's folder, opened. A thread has a connection of its own; the newest state is shared by all.

    ``timeout`` is how many seconds a write waits for another process's, half a minute unless told otherwise.
    """

    def __init__(
        self, folder: Path, *, device: str = "cpu", threads: int | None = None, timeout: float | None = None
    ) -> None:
        if not exists(folder):
            raise not_found_error(folder)
        with translate_errors(folder):
            refuse_links(folder)
        self.folder = folder
        self._device = device
        self._threads = thread_count(threads)
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.RLock()  # a signal handler may search while this thread does
        self._snapshot: Snapshot | None = None
        self._is_shut = False
        self._meta: dict[str, Any] | None = None
        renew_in_child(self)
        try:
            with translate_errors(folder), unforked():
                if format_of(self.connection, folder) < FORMAT:
                    self._upgrade()
            self._read_definition()
        except BaseException:
            self.close()
            raise

    def after_fork(self) -> None:
        """A child opens its own connections; the state that was read last is as good for it, but for one on a GPU."""
        self._local, self._lock = threading.local(), threading.RLock()
        if self._device != "cpu":
            keep_for_ever(self._snapshot)
            self._snapshot = None

    @property
    def meta(self) -> dict[str, Any]:
        """All values of the table ``meta``."""
        assert self._meta is not None
        return self._meta

    @property
    def connection(self) -> Connection:
        """This thread's read-only connection, opened anew if the file behind it is another one."""
        reader = self._reader
        connection = reader.connection
        if connection is not None and connection.in_transaction:
            return connection
        self._refuse_if_shut()
        if not exists(self.folder):
            raise not_found_error(self.folder)
        if connection is not None and connection.outdated:
            self.close()
            self._snapshot = connection = None
        if connection is None:
            connection = connect(self.folder / DATABASE)
            self._refuse_another(connection)
            reader.connection = connection
        return connection

    @property
    def is_replaced(self) -> bool:
        """Whether the folder holds another database now than the one that this thread has read."""
        connection = self._reader.connection
        return connection is None or connection.outdated

    @contextmanager
    def reading(self) -> Iterator[tuple[sqlite3.Connection, State]]:
        """A read transaction: all queries in the block see one committed state, which is read and checked here."""
        with unforked(), self._undisturbed_reader() as reader:
            connection, is_begun = self._begin_reading(reader)
            try:
                yield connection, reader.state
            finally:
                if is_begun and reader is self._reader:  # in a forked child it is the parent's
                    self._end_reading(reader)

    @contextmanager
    def pinned(self, extras: Extra = Extra.NONE) -> Iterator[Snapshot]:
        """The newest committed state. Within the block this thread reads that state, whatever is written.

        ``extras`` asks for more than the vectors of passages.
        """
        with unforked(), ExitStack() as stack:  # before the lock, which a fork would wait for
            with translate_errors(self.folder):  # not around the block, whose errors are not ours
                snapshot = self._pin(stack, extras)
            yield snapshot

    def locked(self, timeout: float | None = None) -> AbstractContextManager[None]:
        """The writer's lock; ``timeout`` is that of the handle unless told otherwise."""
        return writer_lock(self.folder, self._timeout if timeout is None else timeout)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The writer, under its lock."""
        from semsearch.storage.writer import Writer

        self._refuse_if_shut()
        with self.locked(), ExitStack() as stack:
            with translate_errors(self.folder):
                connection = stack.enter_context(closing(connect(self.folder / DATABASE, write=True)))
                stack.callback(merge_log, connection)
                self._refuse_another(connection)
                check_seal(connection)
                check_commits(self.folder, read_state(connection).generation, last_noted(self.folder))
            yield Writer(connection, self.folder, self.definition)

    def reopen(self) -> None:
        """Load the collection from disk again, after this process has replaced it there."""
        self.close()
        self._meta = self._snapshot = None
        self._read_definition()

    def close(self) -> None:
        """Close this thread's connection; the collection can be used again and opens a new one."""
        self._reader.close()

    def shut(self) -> None:
        """Close it for all threads: each closes its connection at the next use of it, which is an error."""
        self._is_shut, self._snapshot = True, None
        self.close()

    def _refuse_if_shut(self) -> None:
        if self._is_shut:
            self.close()
            raise CollectionError(f"collection {self.folder.name!r} is closed; open it again: {self.folder}")

    @property
    def _reader(self) -> _Reader:
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = _Reader()
            _readers[id(reader)] = reader
        return reader

    @contextmanager
    def _undisturbed_reader(self) -> Iterator[_Reader]:
        """This thread's reader; a signal handler that has interrupted a change of it gets one of its own."""
        interrupted = self._reader
        if not interrupted.changing:
            yield interrupted
            return
        self._local.reader = None
        try:
            yield self._reader
        finally:
            self._reader.close()
            self._local.reader = interrupted

    def _begin_reading(self, reader: _Reader) -> tuple[Connection, bool]:
        """The connection within a read transaction, and whether that begins here: in a pinned block it has begun."""
        reader.changing = True
        try:
            connection = self.connection
            if connection.in_transaction:
                return connection, False
            connection.execute("BEGIN")
            try:
                reader.state = read_state(connection)
            except BaseException:
                self._end_reading(reader)
                raise
            return connection, True
        finally:
            reader.changing = False

    def _end_reading(self, reader: _Reader) -> None:
        """End the read transaction; of a damaged file even that may fail, and then the connection is closed."""
        reader.changing = True
        try:
            if reader.connection is not None:
                with suppress(sqlite3.DatabaseError):
                    reader.connection.execute("ROLLBACK")
                if reader.connection.in_transaction:
                    reader.close()
        finally:
            reader.changing = False

    def _pin(self, stack: ExitStack, extras: Extra) -> Snapshot:
        """Begin reading and load the state that is read.

        A file may be missing because a writer has just replaced the state. It is damage only if it is still missing
        on a second look at the same state.
        """
        tried: int | None = None
        while True:
            # The first read is what pins. One thread after the other, so that no older state replaces a newer one.
            with ExitStack() as attempt, self._lock:
                connection, state = attempt.enter_context(self.reading())
                if state.settings != self._meta_crc:
                    self._refuse_another(connection)
                try:
                    snapshot = self._loader.load(connection, state, self._snapshot, extras)
                    damage = snapshot.damage if snapshot is not self._snapshot else None
                except DamagedError:
                    if state.generation == tried:
                        raise
                    damage = "not sound"
                if damage is None or state.generation == tried:
                    self._snapshot = snapshot
                    stack.push(attempt.pop_all())
                    if damage:
                        warnings.warn(damage, DamagedIndexWarning, stacklevel=4)
                    return snapshot
                tried = state.generation

    def _read_definition(self) -> None:
        """Settings, encoder and canary as they are stored now."""
        noted = last_noted(self.folder)
        with translate_errors(self.folder), self.reading() as (connection, state):
            self._meta = read_meta(connection, self.folder)
            self._meta_crc = state.settings
            check_commits(self.folder, state.generation, noted)
        self.definition = Definition.read(self._meta, self.folder)
        self._loader = SnapshotLoader(self.folder, self.definition, self._device, self._threads)

    def _upgrade(self) -> None:
        """Bring a collection of an older format to today's, in one transaction."""
        from semsearch.storage.database.migrations import migrate
        from semsearch.storage.segments.writer import renew_segments

        self.close()
        with self.locked(), closing(connect(self.folder / DATABASE, write=True)) as connection:
            if format_of(connection, self.folder) < FORMAT:  # nobody has done so while we waited
                migrate(connection, self.folder)
                definition = Definition.read(read_meta(connection, self.folder), self.folder)
                renew_segments(connection, self.folder, definition)
                merge_log(connection)

    def _refuse_another(self, connection: sqlite3.Connection) -> None:
        """Raise if what is on disk now is not the collection that was opened."""
        if self._meta is not None and read_meta(connection, self.folder) != self._meta:
            raise CollectionNotFoundError(
                f"collection {self.folder} was encoded again with another model, or dropped and another one made in "
                "its place; open it again"
            )
