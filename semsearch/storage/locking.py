"""The writer's lock: a real lock on a file, which ends with its process; that the file exists means nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semsearch.common.errors import LockedError, StorageError
from semsearch.storage.database.errors import errors_translated
from semsearch.storage.folder import exists, not_found

__all__ = ["LOCK", "LOCK_SECONDS", "clear", "writer_lock"]

LOCK = "write.lock"
LOCK_SECONDS = 30.0
"""How long a second writer waits for the first, unless told otherwise."""
UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def writer_lock(path: Path, seconds: float | None, notify: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the writer's lock of a collection; wait for it up to ``seconds``, and say so.

    Raises :class:`LockedError` after that, :class:`StorageError` where the file system has no locks.
    """
    from filelock import FileLock, Timeout

    if not exists(path):
        raise not_found(path)
    lock = FileLock(path / LOCK)
    with errors_translated(path):
        try:
            _refuse_no_locks(path)
            _acquire(lock, path, LOCK_SECONDS if seconds is None else seconds, notify)
        except FileNotFoundError:
            raise not_found(path) from None
        except Timeout:
            raise LockedError(
                f"another process is writing to collection {path} and did not end in "
                f"{LOCK_SECONDS if seconds is None else seconds:g} s; try again when it has, or wait longer: --timeout"
            ) from None
    try:
        if not exists(path):  # dropped while we waited
            clear(path)
            raise not_found(path)
        _refuse_no_exclusion(path)
        yield
    finally:
        lock.release()


def clear(folder: Path) -> None:
    """Remove a folder that holds nothing but a writer's lock; one who waits for that lock may do the same."""
    with suppress(OSError):
        (folder / LOCK).unlink()
        folder.rmdir()


def _acquire(lock: object, path: Path, seconds: float, notify: Callable[[str], None] | None) -> None:
    from filelock import FileLock, Timeout

    assert isinstance(lock, FileLock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if seconds <= 0:
            raise
        if notify:
            notify(f"another process is writing to {path.name}: waiting up to {seconds:g} s for it")
        lock.acquire(timeout=seconds)


def _refuse_no_locks(path: Path) -> None:
    """Raise where the file system knows no locks, before a lock is asked for: filelock would make do with less."""
    if os.name == "posix":
        import fcntl

        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                raise _no_locks(path) from error
        finally:
            os.close(descriptor)  # which ends the lock


def _refuse_no_exclusion(path: Path) -> None:
    """Some network file systems grant every lock to everyone: ours, taken once more, must be refused."""
    if os.name == "posix":
        import fcntl

        with (path / LOCK).open("rb") as file, suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise _no_locks(path)


def _no_locks(path: Path) -> StorageError:
    return StorageError(
        f"the file system of collection {path} has no file locks that work, so two writers could destroy it; "
        "keep the collection on a local disk, or mount the file system with locks"
    )
