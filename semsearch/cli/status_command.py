"""``semsearch status``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from semsearch.cli.options import cli_command, collection_path, format_option, indexes_option

__all__ = ["command"]


@cli_command
@click.argument("name")
@format_option
@indexes_option
def command(name: str, style: str | None, indexes: Path | None) -> None:
    """Describe collection NAME in figures: documents, passages, model, index, size.

    \b
    semsearch status notes --format json
    """
    from semsearch.cli.render import show_record
    from semsearch.query import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        show_record(asdict(collection.status()), style)
