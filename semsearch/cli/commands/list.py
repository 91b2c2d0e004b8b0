"""``semsearch list``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import cli_command, collections_folder, format_option, indexes_option
from semsearch.common.errors import SemsearchError
from semsearch.common.unicode import one_line

__all__ = ["command"]


@cli_command
@format_option
@indexes_option
def command(style: str | None, indexes: Path | None) -> None:
    """List the collections, with their sizes and models.

    \b
    semsearch list
    """
    from semsearch.cli.output.render import show
    from semsearch.collection import Collection
    from semsearch.storage.folder import list_collections

    folder = collections_folder(indexes)
    columns = ("name", "documents", "passages", "unit", "model", "bytes")
    rows = []
    names = list_collections(folder)
    for name in names:
        try:
            with Collection.open(folder / name) as collection:
                status = collection.status()
        except SemsearchError as error:  # one that is damaged must not hide the others
            click.echo(f"warning: {one_line(error)}", err=True)
        else:
            rows.append({column: getattr(status, column) for column in columns})
    nothing = "" if names else f"no collections in {folder}; make one with: semsearch index NAME PATH"
    show(rows, columns, style, nothing=nothing)
