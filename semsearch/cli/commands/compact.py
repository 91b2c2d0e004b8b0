"""``semsearch compact``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    factory_option,
    indexes_option,
    name_argument,
    timeout_option,
)

__all__ = ["command"]


@cli_command
@name_argument
@factory_option
@timeout_option
@indexes_option
def command(name: str, factory: str | None, timeout: float | None, indexes: Path | None) -> None:
    """Remove deleted rows from the files, and build the index anew.

    Searches go on meanwhile. Nothing but speed and size changes. A change does it by itself when more than 10,000 rows,
    and more than three in ten of all, have been deleted.

    \b
    semsearch compact notes
    semsearch compact notes --factory HNSW32
    """
    from semsearch.cli.output.summary import count_noun, size_text
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name), timeout=timeout) as collection:
        before = collection.status()
        if factory is not None:
            collection.tune(factory=factory)
        collection.compact()
        after = collection.status()
        sizes = f"{size_text(before.bytes)} became {size_text(after.bytes)}"
        removed = count_noun(before.deleted, "deleted row")
        click.echo(f"{name}: {removed} removed, {sizes}; index: {after.index}")
