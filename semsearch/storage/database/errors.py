"""What SQLite and the file system raise, said in this program's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from semsearch.common.errors import CollectionError, DamagedError, LockedError, StorageError
from semsearch.storage.database.state import damaged

__all__ = ["errors_translated", "translated"]

P = ParamSpec("P")
R = TypeVar("R")


class _HasFolder(Protocol):
    folder: Path


Self = TypeVar("Self", bound=_HasFolder)


@contextmanager
def errors_translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into this program's errors."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise _as_ours(error, path) from error
    except UnicodeDecodeError as error:  # even SQLite's own message, which quotes what it has found
        raise damaged(path, "a text in it is no text") from error
    except OSError as error:
        raise StorageError(
            f"collection {path} cannot be read or written ({error.strerror or error}); "
            "check the disk's free space and the folder's permissions. What was committed is safe"
        ) from error


def _as_ours(error: sqlite3.DatabaseError, path: Path) -> CollectionError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return LockedError(f"collection {path} is busy ({text}); wait for the other process and try again")
    if any(word in text for word in ("full", "readonly", "read-only", "unable to open", "disk I/O")):
        return StorageError(
            f"collection {path} cannot be written ({text}); check the disk's free space and the "
            "folder's permissions. What was committed is safe"
        )
    return DamagedError(f"database of collection {path} is damaged ({text}); run: semsearch verify {path.name}")


def translated(method: Callable[Concatenate[Self, P], R]) -> Callable[Concatenate[Self, P], R]:
    """The same for a method of an object that works on a collection's ``folder``."""

    @wraps(method)
    def call(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with errors_translated(self.folder):
            return method(self, *args, **kwargs)

    return call
