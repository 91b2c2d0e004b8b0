"""``semsearch drop``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    indexes_option,
    name_argument,
    timeout_option,
)
from semsearch.common.errors import InputError

__all__ = ["command"]


@cli_command
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@timeout_option
@indexes_option
def command(name: str, yes: bool, timeout: float | None, indexes: Path | None) -> None:
    """Delete a collection with all its files.

    What it was built from stays.

    \b
    semsearch drop notes --yes
    """
    from semsearch.collection import Collection

    path = collection_path(indexes, name)
    with Collection.open(path, timeout=timeout) as collection:
        count = collection.status().documents
        if not yes and not _confirm(f"delete collection {name!r} with {count:,} documents?"):
            raise InputError(f"collection {name!r} was not deleted; answer with y, or give --yes")
        collection.drop()
    click.echo(f"{name}: dropped")


def _confirm(question: str) -> bool:
    try:
        answer = click.confirm(question, err=True)
    except (click.Abort, InputError):  # no more input, no input at all, or Ctrl-C
        answer = False
    if not (answer or sys.stdin.isatty()):
        click.echo(err=True)  # where nobody has pressed Enter, what comes next needs a line of its own
    return answer
