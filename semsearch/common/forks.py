"""What a forked process must not use of its parent, and how it gets its own.

A fork copies memory, but of the threads only the one that forks. In the child, a lock that another thread held is held
for ever, and a pool waits for threads that are gone. Objects with such things are registered, and let go of them in the
child (:func:`renew_in_child`). Libraries have locks, too, which nobody can let go of: a fork waits a moment until other
threads are outside of them (:func:`unforked`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

__all__ = [
    "Renewable",
    "before_fork",
    "in_new_thread",
    "is_fork_waiting",
    "keep_for_ever",
    "let_fork",
    "renew_in_child",
    "unforked",
]

R = TypeVar("R")

PATIENCE_S = 2.0
"""How long a fork waits for other threads, each of which is in such places for milliseconds, if all goes well."""


class Renewable(Protocol):
    """An object that lives through a fork."""

    def after_fork(self) -> None:
        """Replace locks, threads and what belongs to them, in the child."""


class _Forks:
    """What there is to know about forks of this process."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.inside: dict[int, int] = {}
        self.waiting: set[int] = set()

    def enter(self, thread: int) -> None:
        with self.condition:
            if thread not in self.inside:
                self.condition.wait_for(lambda: not self.waiting - {thread}, PATIENCE_S)
            self.inside[thread] = self.inside.get(thread, 0) + 1

    def leave(self, thread: int) -> None:
        with self.condition:
            self.inside[thread] -= 1
            if not self.inside[thread]:
                del self.inside[thread]
                self.condition.notify_all()

    def begin(self) -> Set[int]:
        thread = threading.get_ident()
        with self.condition:
            self.waiting.add(thread)
            self.condition.wait_for(lambda: not self.inside.keys() - {thread}, PATIENCE_S)
            return set(self.inside)

    def end(self) -> None:
        with self.condition:
            self.waiting.discard(threading.get_ident())
            self.condition.notify_all()


_forks = _Forks()
_renewable: weakref.WeakSet[Renewable] = weakref.WeakSet()
_preparations: list[Callable[[Set[int]], None]] = []
_forker: int | None = None
"""In a forked process, the thread that its parent's fork has left."""
_outside: ThreadPoolExecutor | None = None


@contextlib.contextmanager
def unforked() -> Iterator[None]:
    """A short block within which no other thread forks this process."""
    forks, thread = _forks, threading.get_ident()
    forks.enter(thread)
    try:
        yield
    finally:
        if forks is _forks:  # else this is the child of a fork within the block
            forks.leave(thread)


def is_fork_waiting() -> bool:
    """Whether a fork waits for this thread to leave :func:`unforked`; who is there for long does :func:`let_fork`."""
    return bool(_forks.waiting)


def let_fork() -> None:
    """Let a fork happen that waits; called within :func:`unforked`, where nothing is under way."""
    forks, thread = _forks, threading.get_ident()
    forks.leave(thread)
    forks.enter(thread)


def renew_in_child(renewable: Renewable) -> None:
    """Have ``after_fork`` called in every process that is forked while this object lives."""
    with unforked():
        _renewable.add(renewable)


def before_fork(prepare: Callable[[Set[int]], None]) -> None:
    """Call this before every fork, before what was registered earlier.

    It is given the threads, the forking one perhaps among them, that are within :func:`unforked` after all.
    """
    _preparations.insert(0, prepare)


def keep_for_ever(value: object) -> None:
    """Never destroy an object, whose destructor would wait for threads of the parent, or end what the parent uses."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


def in_new_thread(task: Callable[[], R]) -> R:
    """The task's result; in the one thread that came through a fork, another thread computes it.

    OpenMP (GNU's) has a pool of threads for every thread that has used it, and waits for ever for one of the parent's.
    """
    global _outside
    if threading.get_ident() != _forker:
        return task()
    if _outside is None:
        _outside = ThreadPoolExecutor(1, thread_name_prefix="semsearch-forked")
    return _outside.submit(task).result()


def _prepare() -> None:
    busy = _forks.begin()
    for prepare in _preparations:
        prepare(busy)


def _renew() -> None:
    global _forks, _forker, _outside
    _forks, _outside, _forker = _Forks(), None, threading.get_ident()
    for renewable in list(_renewable):
        renewable.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_prepare, after_in_parent=lambda: _forks.end(), after_in_child=_renew)
