"""``semsearch status``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from semsearch.cli.options import cli_command, collection_path, format_option, indexes_option, name_argument

__all__ = ["command"]


@cli_command
@name_argument
@format_option
@indexes_option
def command(name: str, style: str | None, indexes: Path | None) -> None:
    """Describe a collection in figures.

    How many documents and passages it has, its model, its index, its size.

    \b
    semsearch status notes
    semsearch status notes --format json | jq .passages
    """
    from semsearch.cli.render import show_record
    from semsearch.query import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        show_record(asdict(collection.status()), style)
