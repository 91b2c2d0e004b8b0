"""The writer's lock: a real lock on a file, which ends with its process; that the file exists means nothing."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.common.errors import LockedError, StorageError
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.folder import exists, not_found_error, refuse_links

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["LOCK", "LOCK_SECONDS", "clear", "is_locked", "try_lock", "writer_lock"]

logger = logging.getLogger(__name__)

LOCK = "write.lock"
LOCK_SECONDS = 30.0
"""How long a second writer waits for the first, unless told otherwise."""
UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def writer_lock(path: Path, timeout: float | None = None) -> Iterator[None]:
    """Hold the writer's lock of a collection; wait for it up to ``timeout`` seconds, and say so in the log.

    Raises :class:`LockedError` after that, :class:`StorageError` where the file system has no locks.
    """
    from filelock import FileLock, Timeout

    if not exists(path):
        raise not_found_error(path)
    seconds = LOCK_SECONDS if timeout is None else timeout
    lock = FileLock(path / LOCK)
    with translate_errors(path):
        try:
            refuse_links(path)
            _refuse_no_locks(path)
            _acquire(lock, path, seconds)
        except FileNotFoundError:
            raise not_found_error(path) from None
        except Timeout:
            raise LockedError(
                f"another process is writing to collection {path} and did not end in {seconds:g} s; "
                "try again when it has, or wait longer: --timeout"
            ) from None
    try:
        if not exists(path):  # dropped while we waited
            clear(path)
            raise not_found_error(path)
        with translate_errors(path):
            _refuse_no_exclusion(path)
        yield
    finally:
        lock.release()


@contextmanager
def try_lock(path: Path) -> Iterator[None]:
    """Hold a lock on a file, which is made if it is not there; raises :class:`BlockingIOError` if somebody holds it.

    Only on POSIX there are such locks; elsewhere nothing is held.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)  # which ends the lock


def is_locked(path: Path) -> bool:
    """Whether a process is writing to a collection now; only on POSIX that can be seen."""
    if os.name != "posix":
        return False
    import fcntl

    try:
        with (path / LOCK).open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def clear(folder: Path) -> None:
    """Remove a folder that holds nothing but a writer's lock; one who waits for that lock may do the same."""
    with suppress(OSError):
        (folder / LOCK).unlink()
        folder.rmdir()


def _acquire(lock: FileLock, path: Path, seconds: float) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        if seconds <= 0:
            raise
        logger.info("another process is writing to %s: waiting up to %g s for it", path.name, seconds)
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
                raise _no_locks_error(path) from error
        finally:
            os.close(descriptor)  # which ends the lock


def _refuse_no_exclusion(path: Path) -> None:
    """Some network file systems grant every lock to everyone: ours, taken once more, must be refused."""
    if os.name == "posix":
        import fcntl

        with (path / LOCK).open("rb") as file, suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise _no_locks_error(path)


def _no_locks_error(path: Path) -> StorageError:
    return StorageError(
        f"the file system of collection {path} has no file locks that work, so two writers could destroy it; "
        "keep the collection on a local disk, or mount the file system with locks"
    )
