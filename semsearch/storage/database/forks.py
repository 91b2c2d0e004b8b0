"""SQLite's connections do not come through a fork.

SQLite notes its locks on a file in memory, by process, and a fork copies that: a connection that a child opens while it
has one of its parent's to the same file takes locks for held that are not, and closing that one is as bad ("How To
Corrupt An SQLite Database File", 2.6). Idle readers are therefore closed before a fork (``storage/handle.py``). If a
thread was reading or writing after all, the child may not open that file, and never closes what it has of it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Set
from pathlib import Path

from semsearch.common.errors import CollectionError
from semsearch.common.forks import before_fork, keep_for_ever, renew_in_child

__all__ = ["mind_forks", "refuse_carried"]

FileId = tuple[int, int]


class _Process:
    """The open connections of a process, and the files of those that a fork has carried into it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open: weakref.WeakKeyDictionary[sqlite3.Connection, FileId] = weakref.WeakKeyDictionary()
        self.held: dict[int, dict[sqlite3.Connection, FileId]] = {}
        self.carried: set[FileId] = set()

    def hold(self, busy: Set[int]) -> None:  # noqa: ARG002 - what is still open is held, whoever uses it
        """Keep connections from being destroyed with their threads, which end in the child."""
        with self.lock:
            self.held[threading.get_ident()] = dict(self.open)

    def release(self) -> None:
        self.held.pop(threading.get_ident(), None)

    def after_fork(self) -> None:
        """Note the files that may not be opened here, and let nobody close the connections to them."""
        for connection, file in self.held.pop(threading.get_ident(), {}).items():
            if _is_open(connection):
                keep_for_ever(connection)
                self.carried.add(file)
        self.lock, self.open = threading.RLock(), weakref.WeakKeyDictionary()
        keep_for_ever(self.held)  # of other threads that were forking, too


_process = _Process()
before_fork(_process.hold)
renew_in_child(_process)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_process.release)


def mind_forks(connection: sqlite3.Connection, path: Path) -> None:
    """Note that a connection is open."""
    with _process.lock:
        _process.open[connection] = _file_id(path)


def refuse_carried(path: Path) -> None:
    """Raise if this process has a connection of its parent's to this file."""
    if _process.carried and _file_id(path) in _process.carried:
        raise CollectionError(
            f"collection {path.parent} was being read or written by a thread of the process that this one was forked "
            "from, so that it cannot be used here; fork when nobody uses it, or start processes by 'spawn' or "
            "'forkserver'"
        )


def _file_id(path: Path) -> FileId:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        return connection.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False
