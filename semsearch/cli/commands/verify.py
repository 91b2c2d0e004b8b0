"""``semsearch verify``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    name_argument,
    timeout_option,
)
from semsearch.common.errors import DamagedError, SemsearchError

if TYPE_CHECKING:
    from semsearch.encoder import Encoder
    from semsearch.storage.settings import StoredEncoder
    from semsearch.storage.upkeep.verify import Report

__all__ = ["command"]


@cli_command
@name_argument
@click.option("--repair", is_flag=True, help="Mend what is wrong; says what could not be saved, and where it is.")
@format_option
@timeout_option
@indexes_option
def command(name: str, repair: bool, style: str | None, timeout: float | None, indexes: Path | None) -> None:
    """Compare a collection on disk with its checksums, and mend it.

    Every text, passage, vector and index file is read. The status is 1 if anything is wrong. With --repair the index
    is built again, damaged vectors are encoded again from their texts, and what cannot be saved is put aside in a JSONL
    file in the collection's folder.

    \b
    semsearch verify notes
    semsearch verify notes --repair
    """

    from semsearch.cli.output.summary import count_noun
    from semsearch.collection import Collection
    from semsearch.storage.folder import exists, not_found_error
    from semsearch.storage.upkeep.repair import repair_folder
    from semsearch.storage.upkeep.verify import verify_folder

    path = collection_path(indexes, name)
    if not exists(path):
        raise not_found_error(path)
    with suppress(SemsearchError), Collection.open(path):
        pass  # which brings an older format to today's, if it can be opened
    report = verify_folder(path)
    if report.sound:
        click.echo(f"{name}: sound; {_describe_extent(report)}")
        return
    _show(report, style)
    if not repair:
        count = count_noun(len(report.findings), "problem")
        raise DamagedError(f"{count} in collection {name!r}; mend with: semsearch verify {name} --repair")

    def load(stored: StoredEncoder) -> Encoder:
        return stored.check(stored.load(), name)

    repaired = repair_folder(path, load, timeout)
    kept = count_noun(repaired.documents, "document")
    click.echo(f"{name}: mended; {kept} kept, {repaired.encoded:,} of them encoded again", err=True)
    if repaired.file:
        lost = count_noun(repaired.aside, "document")
        click.echo(f"warning: {lost} could not be saved; what is left is in {repaired.file}", err=True)


def _describe_extent(report: Report) -> str:
    counts = (report.documents, report.passages, report.rows, report.files)
    return "{:,} documents, {:,} passages, {:,} vectors and {:,} files compared".format(*counts)


def _show(report: Report, style: str | None) -> None:
    from semsearch.cli.output.render import show

    show([asdict(finding) for finding in report.findings], ("part", "name", "problem", "mend"), style)
