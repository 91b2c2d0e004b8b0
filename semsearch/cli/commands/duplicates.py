"""``semsearch duplicates``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    name_argument,
    where_option,
)

__all__ = ["command"]


@cli_command
@name_argument
@click.option(
    "--min-score", type=float, metavar="COSINE", default=0.95, show_default=True, help="How near is the same."
)
@where_option
@format_option
@indexes_option
def command(name: str, min_score: float, where: str | None, style: str | None, indexes: Path | None) -> None:
    """Find passages that are nearly the same, in groups.

    Passages of different documents are compared, each with each. The score is the largest cosine with another passage
    of the group. A group has all that such pairs join, the largest group first.

    \b
    semsearch duplicates notes
    semsearch duplicates notes --min-score 0.99 --format jsonl
    """
    from semsearch.cli.output.render import show_duplicates
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        show_duplicates(collection.duplicates(min_score, where=where), style)
