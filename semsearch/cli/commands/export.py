"""``semsearch export``."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from semsearch.cli.options import cli_command, collection_path, indexes_option, name_argument
from semsearch.common.given_files import open_target
from semsearch.storage.upkeep.export import WRITERS

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["archive", *WRITERS]),
    default="archive",
    show_default=True,
    help="An archive for import, or passages with their vectors for other programs.",
)
@indexes_option
def command(name: str, file: str, kind: str, indexes: Path | None) -> None:
    """Write a collection into one file.

    FILE is - for standard output. What is written is one committed state, whatever others do meanwhile.

    \b
    semsearch export notes notes.semsearch
    semsearch export notes notes.parquet --format parquet
    semsearch export notes passages.jsonl --format jsonl
    """
    from semsearch.cli.opening import open_store

    to = sys.stdout.buffer if file == "-" else file
    with closing(open_store(collection_path(indexes, name))) as store, open_target(to) as target:
        if kind == "archive":
            store.export(target)
        else:
            with closing(store.passages_with_vectors()) as passages:
                WRITERS[kind](passages, target)
    click.echo(f"{name}: exported to {'standard output' if file == '-' else file}", err=True)
