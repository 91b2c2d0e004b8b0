"""``semsearch import``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from semsearch.cli.options import cli_command, collections_folder, indexes_option
from semsearch.common.given_files import open_source

__all__ = ["command"]


@cli_command
@click.argument("file", metavar="FILE")
@click.argument("name", required=False)
@indexes_option
def command(file: str, name: str | None, indexes: Path | None) -> None:
    """Make a collection of a file that export has written.

    FILE is - for standard input. The collection gets its own name unless NAME gives another. Every byte is compared
    with its checksum first; of an archive that is damaged nothing is left.

    \b
    semsearch import notes.semsearch
    semsearch import notes.semsearch notes-of-may
    ssh other cat notes.semsearch | semsearch import -
    """
    from semsearch.storage.upkeep.archive import import_archive

    folder = collections_folder(indexes)
    with open_source(sys.stdin.buffer if file == "-" else file) as source:
        path = import_archive(source, folder, name)
    click.echo(f"{path.name}: imported; ask it with: semsearch search {path.name} QUERY")
