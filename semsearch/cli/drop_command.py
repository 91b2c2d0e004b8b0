"""``semsearch drop``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import cli_command, collection_path, indexes_option

__all__ = ["command"]


@cli_command
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@indexes_option
def command(name: str, yes: bool, indexes: Path | None) -> None:
    """Delete collection NAME and its files for good. The sources it was built from stay.

    \b
    semsearch drop notes --yes
    """
    from semsearch.query import Collection

    path = collection_path(indexes, name)
    with Collection.open(path) as collection:
        count = collection.status().documents
        if not yes:
            click.confirm(f"delete collection {name!r} with {count:,} documents?", abort=True, err=True)
        collection.drop()
    click.echo(f"{name}: dropped")
