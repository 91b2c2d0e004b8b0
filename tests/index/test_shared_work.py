"""Our own threads: all tasks, in their order, and nobody left behind when one fails."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.common.threads import run


@given(values=st.lists(st.integers(), max_size=20), threads=st.integers(1, 5))
def test_results_come_in_the_order_of_tasks(values, threads):
    """Whoever did them."""
    assert run([lambda value=value: value for value in values], threads) == values


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_when_a_task_fails_nobody_works_on(failing):
    """The error is passed on when the others have stopped."""
    busy, done = threading.Event(), []

    def task(number):
        if number == failing:
            busy.wait(0.2)
            raise ValueError("no")
        busy.set()
        time.sleep(0.05)
        done.append(number)

    with pytest.raises(ValueError, match="no"):
        run([lambda number=number: task(number) for number in range(12)], 3)
    count = len(done)
    time.sleep(0.12)
    assert len(done) == count


def test_nobody_waits_for_helpers_that_are_busy_elsewhere():
    """While another caller keeps all other threads at work, a caller does its tasks alone and returns."""
    release, begun = threading.Event(), threading.Barrier(3)

    def long():
        begun.wait(10)
        release.wait(10)

    other = threading.Thread(target=run, args=([long, long], 2))
    other.start()
    try:
        begun.wait(10)
        started = time.perf_counter()
        assert run([lambda: 1, lambda: 2, lambda: 3], 2) == [1, 2, 3]
        assert time.perf_counter() - started < 5
    finally:
        release.set()
        other.join()
