"""``semsearch delete``."""

from __future__ import annotations

from contextlib import closing
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
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@timeout_option
@indexes_option
def command(name: str, ids: tuple[str, ...], timeout: float | None, indexes: Path | None) -> None:
    """Delete documents from a collection.

    If one of the ids is not there, nothing is deleted.

    \b
    semsearch delete notes notes/old.md notes/older.md
    """
    from semsearch.cli.opening import open_store

    with closing(open_store(collection_path(indexes, name), timeout=timeout)) as store:
        unknown = [identifier for identifier in ids if store.rows_of_document(identifier) is None]
        if unknown:
            raise InputError(
                f"there is no document {unknown[0]!r} in collection {name!r}, so nothing was deleted; "
                "search for it to learn its id"
            )
        removed = store.delete(ids)
    click.echo(f"{name}: {removed:,} deleted")
