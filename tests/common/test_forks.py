"""Forks: what waits for what, and what a child does not have of its parent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from semsearch.common import forks
from semsearch.common.threads import computed_once, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def succeeds(work: Callable[[], bool]) -> bool:
    """Whether the work is done in a forked child, within a time, and its result is true."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


def test_a_fork_waits_until_others_are_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread does within the block is complete in the child."""
    monkeypatch.setattr(forks, "PATIENCE_S", 30)
    begun, steps = threading.Event(), []

    def work() -> None:
        with forks.unforked():
            begun.set()
            time.sleep(0.3)
            steps.append("done")

    other = threading.Thread(target=work)
    other.start()
    assert begun.wait(10)
    assert succeeds(lambda: steps == ["done"])
    other.join()


def test_long_work_lets_a_fork_happen_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child sees the work between two steps, never within one, and the work goes on in the parent."""
    monkeypatch.setattr(forks, "PATIENCE_S", 30)
    within, stop = [False], threading.Event()

    def work() -> None:
        with forks.unforked():
            while not stop.is_set():
                within[0] = True
                time.sleep(0.01)
                within[0] = False
                if forks.is_fork_waiting():
                    forks.let_fork()

    other = threading.Thread(target=work)
    other.start()
    seen = [succeeds(lambda: not within[0]) for _ in range(5)]
    stop.set()
    other.join(30)
    assert not other.is_alive()
    assert seen == [True] * 5


def test_who_never_leaves_holds_a_fork_up_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork within the block, or while another thread stays in it, happens all the same; the child may enter it."""
    monkeypatch.setattr(forks, "PATIENCE_S", 0.05)
    stay, begun = threading.Event(), threading.Event()

    def work() -> None:
        with forks.unforked():
            begun.set()
            stay.wait(30)

    def enter() -> bool:
        with forks.unforked():
            return True

    other = threading.Thread(target=work)
    other.start()
    assert begun.wait(10)
    with forks.unforked():
        assert succeeds(enter)
    stay.set()
    other.join()
    assert enter()


def test_objects_are_renewed_in_the_child_alone() -> None:
    """An object that lives is told of the fork in the child; one that is gone hinders nobody."""

    class Told:
        count = 0

        def after_fork(self) -> None:
            self.count += 1

    told, gone = Told(), Told()
    forks.renew_in_child(told)
    forks.renew_in_child(gone)
    del gone
    assert succeeds(lambda: told.count == 1)
    assert told.count == 0


def test_the_thread_that_came_through_works_in_another_one() -> None:
    """In the child a task runs in a thread that is new, and its error comes back; in the parent in the caller's own."""

    def fail() -> None:
        raise ValueError("no")

    def works() -> bool:
        with pytest.raises(ValueError, match="no"):
            forks.in_new_thread(fail)
        inner = forks.in_new_thread(lambda: (threading.get_ident(), forks.in_new_thread(threading.get_ident)))
        return inner[0] == inner[1] != threading.get_ident()

    assert succeeds(works)
    assert forks.in_new_thread(threading.get_ident) == threading.get_ident()


def test_a_child_has_threads_of_its_own() -> None:
    """Work is shared among threads after the parent has used its own."""
    tasks = [lambda value=value: value for value in range(8)]
    assert run(tasks, 3) == list(range(8))
    assert succeeds(lambda: run(tasks, 3) == list(range(8)))


def test_a_property_is_computed_once() -> None:
    """The second look at it gives the same object; another object has its own."""

    class Box:
        @computed_once
        def things(self) -> list[int]:
            """Some."""
            return []

    box = Box()
    assert box.things is box.things
    assert Box().things is not box.things
    assert Box.things.__doc__ == "Some."
