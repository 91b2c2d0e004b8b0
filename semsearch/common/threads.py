"""Parallel work in threads of our own, which sleep when they have nothing to do.

FAISS's own (OpenMP) threads go on spinning for some milliseconds after their work, which slows down
whatever comes next; a search therefore runs FAISS single-threaded, in several of these.
"""

from __future__ import annotations

import concurrent.futures.thread
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import FrameType
from typing import Any, Generic, TypeVar, overload

__all__ = ["computed_once", "is_pool_interrupted", "run"]

R = TypeVar("R")

POOLS = concurrent.futures.thread.__file__
"""Where pools of threads are."""
AWAKE_S = 0.0003
"""How long the calling thread, once it has nothing to do, checks whether the others are done before it sleeps. To be
woken takes 0.2 ms, and threads that share a query end within less of each other."""

_let_others_run: Callable[[], object] = getattr(os, "sched_yield", functools.partial(time.sleep, 0))


def run(tasks: Sequence[Callable[[], R]], threads: int) -> list[R]:
    """Results of the tasks, which must not call this function themselves, in their order.

    The calling thread works, too: one query that two threads answer waits for one other thread only.
    """
    pending = iter(enumerate(tasks))  # whoever is free takes the next: threads begin late, and are not equally fast
    helpers = 0 if is_pool_interrupted() else min(threads, len(tasks)) - 1
    others = [_pool(threads - 1).submit(_run_pending, pending) for _ in range(helpers)]
    try:
        results = _run_pending(pending)
    finally:  # after an error no thread may go on with what the caller releases; tasks not begun are dropped
        list(pending)
        others = [other for other in others if not other.cancel()]
        _wait(others)
    for other in others:
        results |= other.result()
    return [results[number] for number in range(len(tasks))]


def is_pool_interrupted() -> bool:
    """Whether this runs in a signal handler that has interrupted a pool of threads, whose lock is held then.

    Handlers run in the main thread, between any two steps of Python: the functions that they came between are known.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename != POOLS:
        frame = frame.f_back
    return frame is not None


def _wait(others: Sequence[Future[Any]]) -> None:
    end = time.perf_counter() + AWAKE_S
    while not all(other.done() for other in others) and time.perf_counter() < end:
        _let_others_run()
    wait(others)


def _run_pending(pending: Iterator[tuple[int, Callable[[], R]]]) -> dict[int, R]:
    return {number: task() for number, task in pending}


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="semsearch")


class computed_once(Generic[R]):  # noqa: N801 - used as a decorator, in the place of functools.cached_property
    """A property that is computed when it is first asked for; two threads may do so at once.

    ``functools.cached_property`` of Python 3.11 has a lock for all objects of a class, which a fork may leave locked.
    """

    def __init__(self, compute: Callable[[Any], R]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> computed_once[R]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> R: ...
    def __get__(self, owner: object | None, kind: type) -> computed_once[R] | R:
        """The value, which from now on is an attribute of the object."""
        if owner is None:
            return self
        value: R = self._compute(owner)
        owner.__dict__[self._compute.__name__] = value
        return value


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
