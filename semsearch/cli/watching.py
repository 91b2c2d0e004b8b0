"""``--watch``: jobs are done again whenever something changes below their paths, until Ctrl-C.

What the system reports is a hint that something has changed; what is there is found out by a look at all of it, which
opens no file that is unchanged. One such look is due every few minutes in any case.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.syncing import run_job
from semsearch.common.environment import import_extra
from semsearch.common.errors import InputError, SemsearchError
from semsearch.common.unicode import one_line
from semsearch.ingest.formats.extensions import TABLE_MARK
from semsearch.ingest.formats.format import STDIN

if TYPE_CHECKING:
    from semsearch.cli.syncing import Job

__all__ = ["watch_jobs", "watch_option"]

LOOK_S = 300.0
"""Seconds until files are looked at although nothing was reported: not every file system reports."""
TICK_MS = 1_000
"""The first look comes so soon: what changed before the system began to report is found by it."""
QUIET_MS = 400
"""A look waits until nothing has been reported for so long, but for LONGEST_MS at most."""
LONGEST_MS = 5_000

watch_option = click.option("--watch", is_flag=True, help="Stay, and keep up with changes, until Ctrl-C.")


def watch_jobs(jobs: Sequence[Job]) -> None:
    """Do the jobs, which were done once, again and again; a file that cannot be read is told and changes nothing."""
    watchfiles: Any = import_extra("watchfiles", "files", "--watch")
    if any(STDIN in job.paths for job in jobs):
        raise InputError("standard input cannot be watched; name files or folders, or leave --watch out")
    named = {path.partition(TABLE_MARK)[0] for job in jobs for path in job.paths}
    paths = sorted(path for path in named if Path(path).exists())
    written = str(jobs[0].path.parent.resolve())

    def is_of_interest(_: object, path: str) -> bool:
        return not path.startswith(f"{written}/")

    click.echo(f"watching {', '.join(paths)}; Ctrl-C ends it", err=True)
    due = 0.0
    with suppress(KeyboardInterrupt):
        for changes in watchfiles.watch(
            *paths,
            watch_filter=is_of_interest,
            debounce=LONGEST_MS,
            step=QUIET_MS,
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            if changes or time.monotonic() >= due:
                for job in jobs:
                    _run_quietly(job)
                due = time.monotonic() + LOOK_S


def _run_quietly(job: Job) -> None:
    try:
        run_job(job, is_quiet=True)
    except SemsearchError as error:
        click.echo(f"warning: {one_line(error)}", err=True)
