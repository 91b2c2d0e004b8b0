"""The progress bar of long work, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from semsearch.types import SyncReport

__all__ = ["sync_progress"]


@contextmanager
def sync_progress(total: int | None, done: Callable[[SyncReport], int]) -> Iterator[Callable[[SyncReport], None]]:
    """A bar over ``total`` (a spinner if that is not known), moved on to ``done(report)`` at every report."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("indexing", total=total, rate="")

        def report(counts: SyncReport) -> None:
            seconds = bar.tasks[task].elapsed or 0.0
            rate = f"{counts.passages:,} passages, {counts.passages / seconds:,.0f}/s" if seconds else ""
            bar.update(task, completed=done(counts), rate=rate)

        yield report
        if total is None:
            total = 1
        bar.update(task, total=total, completed=total)
