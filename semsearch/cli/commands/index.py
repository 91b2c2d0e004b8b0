"""``semsearch index``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli.building import BuildOptions, ReadOptions, build_options, open_or_make, read_options
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
from semsearch.cli.output.asking import confirm
from semsearch.cli.output.left_out import tell_left_out
from semsearch.cli.output.progress import count_committed, sync_progress
from semsearch.cli.output.summary import count_noun, report_json, summary, tell_unread
from semsearch.common.errors import CollectionNotFoundError, InputError
from semsearch.ingest.formats.registry import FORMATS
from semsearch.storage.folder import exists

if TYPE_CHECKING:
    from semsearch.ingest.reader import Reader
    from semsearch.storage.store import Store
    from semsearch.storage.sync import SyncReport

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What is done beside adding."""

    prune: bool
    yes: bool
    dry_run: bool
    reencode: bool
    strict: bool
    as_json: bool
    factory: str | None


sync_options = as_value(
    SyncOptions,
    "sync",
    (
        click.option("--prune", is_flag=True, help="Remove documents that are gone from these paths."),
        click.option("--yes", is_flag=True, help="Do not ask before --prune removes more than half of a path's."),
        click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing."),
        click.option("--reencode", is_flag=True, help="Encode all that is stored again first, with --model if given."),
        click.option("--strict", is_flag=True, help="End with status 1 if anything could not be read."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        factory_option,
    ),
)


@cli_command
@name_argument
@click.argument("paths", nargs=-1, metavar="PATH...")
@build_options
@read_options
@sync_options
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
    timeout: float | None,
    indexes: Path | None,
) -> None:
    """Build a collection from files, or bring it up to date with them.

    PATH is a file, a folder, or - for standard input. What is new is added, what changed is replaced, what is
    unchanged is not encoded again.

    \b
    semsearch index notes ~/notes
    semsearch index quotes quotes.txt --as lines
    semsearch index shop products.jsonl --text-field description --prune
    semsearch index notes --reencode --model all-mpnet-base-v2
    semsearch index novels ~/novels --tokens
    git log --format=%s | semsearch index log -
    """
    path = collection_path(indexes, name)
    if sync.reencode and not sync.dry_run:
        _reencode(path, build, run, timeout)
    if not paths:
        if sync.reencode:
            return
        raise click.UsageError("Missing argument 'PATH...': name files or folders to index, or - for standard input")
    reader = reading.reader(paths, allow_missing=sync.prune and exists(path))
    if not exists(path) and reader.is_empty():
        tell_left_out(reader, told=1)
        raise _no_document_error(paths, reader)
    try:
        report, refused = _write(path, reader, build, run, sync, timeout)
    except CollectionNotFoundError:  # whoever had made it gave up while we waited for the lock, and dropped it
        report, refused = _write(path, reader, build, run, sync, timeout)
    is_nothing = not (report.added or report.updated or report.unchanged or report.empty or sync.prune)
    tell_left_out(reader, told=int(is_nothing))
    if is_nothing:
        raise _no_document_error(paths, reader)
    if report.empty and not exists(path) and not sync.dry_run:
        raise InputError(f"every document in {', '.join(paths)} is blank; there is nothing to search in them")
    click.echo(report_json(name, report, reader) if sync.as_json else summary(name, report, sync.dry_run))
    tell_unread(report)
    if refused:
        left = ", ".join(f"{len(one.ids):,} of the {one.total:,} documents of {one.source}" for one in refused)
        raise InputError(f"{left} seem to be gone and were not removed; look what is there, or give --yes")
    if sync.strict and reader.skipped:
        raise InputError(f"{count_noun(reader.skipped, 'record')} could not be read; mend them, or leave --strict out")


def _no_document_error(paths: Sequence[str], reader: Reader) -> InputError:
    where = ", ".join(paths)
    if reader.messages:
        return InputError(f"nothing in {where} can be read: {reader.messages[0]}")
    return InputError(
        f"there is no document in {where}; give files of a known kind ({', '.join(FORMATS)}), "
        "or name others with --include"
    )


def _reencode(path: Path, build: BuildOptions, run: RunOptions, timeout: float | None) -> None:
    """Encode what is stored again; with another model, or what has changed about the collection's own."""
    with closing(open_store(path, timeout=timeout)) as store:
        build.refuse_others(store)
        encoder = build.load_encoder(store, run, keep_options=build.model is None)
        with sync_progress(store.status().documents, lambda report: report.added + report.unchanged) as progress:
            report = store.reencode(encoder, progress)
    click.echo(f"{path.name}: {count_noun(report.passages, 'passage')} encoded again with {encoder.name}")


def _write(
    path: Path, reader: Reader, build: BuildOptions, run: RunOptions, sync: SyncOptions, timeout: float | None
) -> tuple[SyncReport, list[Doubtful]]:
    """Bring the collection up to date; gives what was done, and what was not removed."""
    with open_or_make(path, build, run, timeout=timeout, dry_run=sync.dry_run) as store:
        if sync.factory is not None and not sync.dry_run:
            store.use_index(sync.factory)
        report, doubtful = _sync(store, reader, sync)
        removed = _remove_doubtful(store, doubtful)
    return replace(report, removed=report.removed + removed), doubtful


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Documents that seem to be gone from a source, so many of its ``total`` that somebody should look."""

    source: str
    ids: Sequence[str]
    total: int


def _sync(store: Store, reader: Reader, sync: SyncOptions) -> tuple[SyncReport, list[Doubtful]]:
    """Sync under a progress bar that counts bytes; gives what was done, and what was not removed without asking."""
    doubtful: list[Doubtful] = []

    def may_remove(source: str, ids: Sequence[str], total: int) -> bool:
        if sync.yes or sync.dry_run or len(ids) == 1 or 2 * len(ids) <= total:
            return True
        doubtful.append(Doubtful(source, ids, total))
        return False

    sources = reader.sources if sync.prune else None
    with sync_progress(reader.bytes_total, count_committed(lambda _: reader.bytes_read)) as progress:
        report = store.sync(reader, prune=sources, dry_run=sync.dry_run, progress=progress, may_remove=may_remove)
    return report, doubtful


def _remove_doubtful(store: Store, doubtful: list[Doubtful]) -> int:
    """Ask for each source whether its documents are to be removed, if there is anybody to ask.

    What was removed is taken out of the list.
    """
    removed = 0
    for one in list(doubtful):
        question = f"{len(one.ids):,} of the {one.total:,} documents of {one.source} are gone: remove them?"
        if _is_anybody_there() and confirm(question):
            removed += store.delete(one.ids)
            doubtful.remove(one)
    return removed


def _is_anybody_there() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
