"""What people see while a command works, on stderr: a bar, and what the library logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from semsearch.cli.output.summary import count_noun
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.storage.sync import SyncReport

__all__ = ["count_committed", "count_progress", "show_messages", "sync_progress"]


LINE_S = 30.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def sync_progress(total: int | None, done: Callable[[SyncReport], int]) -> Iterator[Callable[[SyncReport], None]]:
    """A bar over ``total`` (a moving one if that is not known), set to ``done(report)`` at every report.

    Where there is no terminal, a line now and then says how far it is.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("indexing"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total, rate=count_noun(0, "passage"))
        told = time.monotonic()
        bar.update(task, completed=1e-9)  # so that the first report already gives a speed, and a time left

        def report(counts: SyncReport) -> None:
            nonlocal told
            seconds, completed = bar.tasks[task].elapsed or 0.0, done(counts)
            rate = f"{count_noun(counts.passages, 'passage')}, {counts.passages / seconds:,.0f}/s" if seconds else ""
            bar.update(task, completed=completed, rate=rate)
            if bar.disable and time.monotonic() - told >= LINE_S:
                told = time.monotonic()
                share = f", {completed / total:.0%}" if total else ""
                click.echo(f"indexing: {rate}{share}", err=True)

        yield report
        bar.update(task, total=total or 1, completed=total or 1)


@contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how many are done, and of how many; it shows up with the first report."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def count_committed(planned: Callable[[SyncReport], int]) -> Callable[[SyncReport], int]:
    """Count what is committed of what ``planned`` counts: a batch is planned before the one in front is committed.

    The first report knows of two batches only, and takes them as equally large.
    """
    earlier = 0

    def done(counts: SyncReport) -> int:
        nonlocal earlier
        behind, earlier = earlier, planned(counts)
        return behind or earlier // 2

    return done


class _ToTerminal(logging.Handler):
    """Prints each message on a line of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        click.echo(one_line(record.getMessage()), err=True)


@contextmanager
def show_messages() -> Iterator[None]:
    """Show messages within the block, from the level INFO on."""
    logger, handler = logging.getLogger("semsearch"), _ToTerminal(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
