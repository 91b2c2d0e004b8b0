"""``semsearch export``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import click

from semsearch.cli.options import cli_command, collection_path, indexes_option, name_argument
from semsearch.common.durable import write_beside
from semsearch.common.errors import InputError
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

    with closing(open_store(collection_path(indexes, name))) as store, _target(file) as target:
        if kind == "archive":
            store.export(target)
        else:
            with closing(store.passages_with_vectors()) as passages:
                WRITERS[kind](passages, target)
    click.echo(f"{name}: exported to {'standard output' if file == '-' else file}", err=True)


@contextmanager
def _target(file: str) -> Iterator[IO[bytes]]:
    """The file to write: it appears when it is whole, and none is overwritten."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    if path.exists():
        raise InputError(f"{path} exists already; remove it, or choose another name")
    try:
        with write_beside(path) as target:
            yield target
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); choose another place") from error
