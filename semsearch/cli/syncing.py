"""Bringing a collection up to date with files, for ``index`` and ``sync``: once, or for as long as somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli.building import BuildOptions, ReadOptions, open_or_make
from semsearch.cli.options import RunOptions, as_value
from semsearch.cli.output.asking import confirm
from semsearch.cli.output.left_out import tell_left_out
from semsearch.cli.output.progress import count_committed, sync_progress
from semsearch.cli.output.summary import count_noun, report_json, summary, tell_gone_files, tell_unread
from semsearch.common.allocator import return_large_arrays
from semsearch.common.errors import CollectionNotFoundError, InputError
from semsearch.ingest.formats.format import STDIN
from semsearch.ingest.formats.registry import FORMATS
from semsearch.storage.folder import exists

if TYPE_CHECKING:
    from semsearch.ingest.reader import Reader
    from semsearch.storage.recipes import Recipe
    from semsearch.storage.store import Store
    from semsearch.storage.sync import SyncReport

__all__ = ["Job", "SyncOptions", "run_job", "sync_options"]


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What is done beside adding."""

    prune: bool
    yes: bool
    dry_run: bool
    strict: bool
    as_json: bool


sync_options = as_value(
    SyncOptions,
    "sync",
    "What is done",
    (
        click.option("--prune", is_flag=True, help="Remove documents that are gone from these paths."),
        click.option("--yes", is_flag=True, help="Do not ask before --prune removes more than half of a path's."),
        click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing."),
        click.option("--strict", is_flag=True, help="End with status 1 if anything could not be read."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    ),
)


@dataclass(frozen=True, slots=True)
class Job:
    """Which collection is brought up to date, with what, and how."""

    path: Path
    paths: tuple[str, ...]
    reading: ReadOptions
    build: BuildOptions
    run: RunOptions
    sync: SyncOptions
    factory: str | None
    timeout: float | None

    @property
    def recipe(self) -> Recipe | None:
        """What is noted of it, to be done again; none for standard input, which cannot be read twice."""
        from semsearch.storage.recipes import Recipe

        if STDIN in self.paths:
            return None
        return Recipe(tuple(str(Path(path).resolve()) for path in self.paths), self.sync.prune, self.reading.to_json())


def run_job(job: Job, *, is_quiet: bool = False) -> None:
    """Bring the collection up to date, and say what was done; raises InputError if there is nothing to be read.

    One that ``is_quiet`` says nothing if nothing has changed.
    """
    return_large_arrays()
    sync, name, where = job.sync, job.path.name, ", ".join(job.paths)
    reader = job.reading.reader(job.paths, allow_missing=sync.prune and exists(job.path))
    if not exists(job.path) and reader.is_empty():
        tell_left_out(reader, told=1)
        raise _no_document_error(where, reader)
    try:
        report, refused = _write(job, reader)
    except CollectionNotFoundError:  # whoever had made it gave up while we waited for the lock, and dropped it
        report, refused = _write(job, reader)
    if is_quiet and not (report.added or report.updated or report.removed or report.moved or refused):
        return
    is_nothing = not (report.added or report.updated or report.unchanged or report.empty or sync.prune)
    tell_left_out(reader, told=int(is_nothing))
    if is_nothing:
        raise _no_document_error(where, reader)
    if report.empty and not exists(job.path) and not sync.dry_run:
        raise InputError(f"every document in {where} is blank; there is nothing to search in them")
    click.echo(report_json(name, report, reader) if sync.as_json else summary(name, report, sync.dry_run))
    tell_unread(report)
    tell_gone_files(name, report)
    if refused:
        left = ", ".join(f"{len(one.ids):,} of the {one.total:,} documents of {one.source}" for one in refused)
        raise InputError(f"{left} seem to be gone and were not removed; look what is there, or give --yes")
    if sync.strict and reader.skipped:
        raise InputError(f"{count_noun(reader.skipped, 'record')} could not be read; mend them, or leave --strict out")


def _no_document_error(where: str, reader: Reader) -> InputError:
    if reader.messages:
        return InputError(f"nothing in {where} can be read: {reader.messages[0]}")
    return InputError(
        f"there is no document in {where}; give files of a known kind ({', '.join(FORMATS)}), "
        "or name others with --include"
    )


def _write(job: Job, reader: Reader) -> tuple[SyncReport, list[Doubtful]]:
    """Write what has changed; gives what was done, and what was not removed."""
    is_dry = job.sync.dry_run
    with open_or_make(job.path, job.build, job.run, timeout=job.timeout, dry_run=is_dry) as store:
        if job.factory is not None and not is_dry:
            store.use_index(job.factory)
        report, doubtful = _sync(store, reader, job.sync)
        removed = _remove_doubtful(store, doubtful)
        if job.recipe and not is_dry and report.added + report.updated + report.unchanged:
            store.note_recipe(job.recipe)
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
