"""``semsearch sync``."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from semsearch.cli.building import BuildOptions, ReadOptions
from semsearch.cli.opening import open_store
from semsearch.cli.options import (
    RunOptions,
    cli_command,
    collection_path,
    indexes_option,
    name_argument,
    run_options,
    timeout_option,
)
from semsearch.cli.syncing import Job, SyncOptions, run_job, sync_options
from semsearch.cli.watching import watch_jobs, watch_option
from semsearch.common.errors import InputError
from semsearch.common.unicode import one_line

__all__ = ["command"]


@cli_command
@name_argument
@sync_options
@watch_option
@run_options
@timeout_option
@indexes_option
def command(
    name: str, sync: SyncOptions, watch: bool, run: RunOptions, timeout: float | None, indexes: Path | None
) -> None:
    """Bring a collection up to date with all that it was built from.

    The paths that were given to 'semsearch index' are read again, with the options that were given with them. Files
    that are unchanged are not opened.

    \b
    semsearch sync notes
    semsearch sync notes --prune --watch
    """
    path = collection_path(indexes, name)
    with closing(open_store(path, timeout=timeout)) as store:
        recipes = store.recipes()
    if not recipes:
        raise InputError(f"collection {name!r} was not built from files; run: semsearch index {name} PATH")
    jobs = [
        Job(
            path,
            recipe.paths,
            ReadOptions.from_json(recipe.reading),
            BuildOptions.of_collection(),
            run,
            replace(sync, prune=sync.prune or recipe.prune),
            None,
            timeout,
        )
        for recipe in recipes
    ]
    errors = [error for error in map(_try_job, jobs) if error]
    for error in errors if watch else errors[:-1]:
        click.echo(f"warning: {one_line(error)}", err=True)
    if watch:
        watch_jobs(jobs)
    elif errors:
        raise errors[-1]


def _try_job(job: Job) -> InputError | None:
    """Do a job, and give what went wrong: one path that is gone stops no other."""
    try:
        run_job(job)
    except InputError as error:
        return error
    return None
