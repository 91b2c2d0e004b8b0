"""``semsearch export``."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from semsearch.cli.options import cli_command, collection_path, indexes_option, name_argument
from semsearch.common.errors import InputError
from semsearch.common.given_files import open_target
from semsearch.storage.upkeep.export import WRITERS

__all__ = ["command"]

OTHERS = (".zip", ".tar", ".csv", ".tsv", ".json", ".txt", ".arrow", ".xlsx", ".npy", ".safetensors")
"""Names of files of other kinds than can be written."""


@cli_command
@name_argument
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["archive", *WRITERS]),
    help="An archive for import, or passages with their vectors for other programs.  [default: by extension]",
)
@indexes_option
def command(name: str, file: str, kind: str | None, indexes: Path | None) -> None:
    """Write a collection into one file.

    FILE is - for standard output. What is written is one committed state, whatever others do meanwhile: an archive, or
    if its name ends in .jsonl or .parquet, passages with their vectors, which 'semsearch index' can read again.

    \b
    semsearch export notes notes.semsearch
    semsearch export notes notes.parquet
    semsearch export notes - --format jsonl
    """
    from semsearch.cli.opening import open_store

    if kind is None and Path(file).suffix.lower() in OTHERS:
        raise InputError(
            f"{file} is named as what it would not be; an archive ends in .semsearch, passages in .jsonl or .parquet; "
            "or choose by --format"
        )
    kind = kind or (suffix if (suffix := Path(file).suffix[1:].lower()) in WRITERS else "archive")
    to = sys.stdout.buffer if file == "-" else file
    with closing(open_store(collection_path(indexes, name))) as store, open_target(to) as target:
        if kind == "archive":
            store.export(target)
        else:
            with closing(store.passages_with_vectors()) as passages:
                WRITERS[kind](passages, target)
    click.echo(f"{name}: exported to {'standard output' if file == '-' else file}", err=True)
