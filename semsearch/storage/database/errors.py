"""What SQLite and the file system raise, said in this program's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from semsearch.common import open_files
from semsearch.common.errors import CollectionError, DamagedError, LockedError, StorageError

__all__ = ["damage_error", "is_of_the_file", "translate_errors", "translates_errors"]

P = ParamSpec("P")
R = TypeVar("R")

OUTER_ERRORS = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
)
READ_ERRORS = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
"""Those of the disk that tell that the file cannot be read."""


class _HasFolder(Protocol):
    folder: Path


Self = TypeVar("Self", bound=_HasFolder)


def damage_error(folder: Path, problem: str) -> DamagedError:
    """The error for a collection's database that is not as it was written."""
    return DamagedError(f"database of collection {folder} is damaged: {problem}; run: semsearch verify {folder.name}")


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into this program's errors."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise _translate(error, folder) from error
    except UnicodeDecodeError as error:  # even SQLite's own message, which quotes the bytes
        raise damage_error(folder, "a text in it is no text") from error
    except OSError as error:
        if open_files.comes_of_too_many_files(error) or open_files.has_no_file_left():
            raise _too_many_files_error(folder) from error
        raise StorageError(
            f"collection {folder} cannot be read or written ({error.strerror or error}); "
            "check the disk's free space and the folder's permissions. What was committed is safe"
        ) from error


def translates_errors(method: Callable[Concatenate[Self, P], R]) -> Callable[Concatenate[Self, P], R]:
    """The same for a method of an object that works on a collection's ``folder``."""

    @wraps(method)
    def call(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with translate_errors(self.folder):
            return method(self, *args, **kwargs)

    return call


def is_of_the_file(error: sqlite3.DatabaseError) -> bool:
    """Whether an error comes of what is in the file; else of the disk, of memory, or of another process's lock."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code in READ_ERRORS or code & 0xFF not in OUTER_ERRORS


def _translate(error: sqlite3.DatabaseError, folder: Path) -> CollectionError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return LockedError(f"collection {folder} is busy ({text}); wait for the other process and try again")
    if "unable to open" in text and open_files.has_no_file_left():
        return _too_many_files_error(folder)
    if any(word in text for word in ("full", "readonly", "read-only", "unable to open", "disk I/O")):
        return StorageError(
            f"collection {folder} cannot be written ({text}); check the disk's free space and the "
            "folder's permissions. What was committed is safe"
        )
    return DamagedError(f"database of collection {folder} is damaged ({text}); run: semsearch verify {folder.name}")


def _too_many_files_error(folder: Path) -> StorageError:
    return StorageError(
        f"collection {folder} cannot be read or written: {open_files.MESSAGE}. What was committed is safe"
    )
