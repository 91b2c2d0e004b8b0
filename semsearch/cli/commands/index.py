"""``semsearch index``."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from semsearch.cli.building import BuildOptions, ReadOptions, build_options, read_options
from semsearch.cli.opening import open_store
from semsearch.cli.options import (
    RunOptions,
    as_value,
    cli_command,
    collection_path,
    factory_option,
    indexes_option,
    name_argument,
    run_options,
    timeout_option,
)
from semsearch.cli.output.progress import sync_progress
from semsearch.cli.output.summary import count_noun
from semsearch.cli.syncing import Job, SyncOptions, run_job, sync_options
from semsearch.cli.watching import watch_jobs, watch_option

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What is done before and after."""

    reencode: bool
    watch: bool
    factory: str | None


index_options = as_value(
    IndexOptions,
    "also",
    "What is done",
    (
        click.option("--reencode", is_flag=True, help="Encode all that is stored again first, with --model if given."),
        watch_option,
        factory_option,
    ),
)


@cli_command
@name_argument
@click.argument("paths", nargs=-1, metavar="PATH...")
@build_options
@read_options
@sync_options
@index_options
@run_options
@timeout_option
@indexes_option
def command(
    name: str,
    paths: tuple[str, ...],
    build: BuildOptions,
    reading: ReadOptions,
    run: RunOptions,
    sync: SyncOptions,
    also: IndexOptions,
    timeout: float | None,
    indexes: Path | None,
) -> None:
    """Build a collection from files, or bring it up to date.

    PATH is a file, a folder, or - for standard input. What is new is added, what changed is replaced, what is
    unchanged is not encoded again.

    \b
    semsearch index notes ~/notes
    semsearch index quotes quotes.txt --as lines
    semsearch index notes ~/notes --exclude drafts/ --watch
    semsearch index shop products.jsonl --text-field description --prune
    semsearch index notes --reencode --model all-mpnet-base-v2
    semsearch index novels ~/novels --word-vectors
    git log --format=%s | semsearch index log -
    """
    path = collection_path(indexes, name)
    if also.reencode and not sync.dry_run:
        _reencode(path, build, run, timeout)
    if not paths:
        if also.reencode:
            return
        raise click.UsageError("Missing argument 'PATH...': name files or folders to index, or - for standard input")
    job = Job(path, paths, reading, build, run, sync, also.factory, timeout)
    run_job(job)
    if also.watch:
        watch_jobs([job])


def _reencode(path: Path, build: BuildOptions, run: RunOptions, timeout: float | None) -> None:
    """Encode what is stored again; with another model, or what has changed about the collection's own."""
    with closing(open_store(path, timeout=timeout)) as store:
        build.refuse_others(store)
        encoder = build.load_encoder(store, run, keep_options=build.model is None)
        with sync_progress(store.status().documents, lambda report: report.added + report.unchanged) as progress:
            report = store.reencode(encoder, progress)
    click.echo(f"{path.name}: {count_noun(report.passages, 'passage')} encoded again with {encoder.name}")
