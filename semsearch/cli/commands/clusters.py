"""``semsearch clusters``."""

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
@click.option("--count", type=int, metavar="N", help="Clusters at most.  [default: 2 to 20, by the passages]")
@click.option("-k", type=int, metavar="N", default=3, show_default=True, help="Central passages of each.")
@where_option
@format_option
@indexes_option
def command(name: str, count: int | None, k: int, where: str | None, style: str | None, indexes: Path | None) -> None:
    """Show what a collection is about: its clusters and their words.

    The words are those that a cluster has more often than the others. The passages are the most central ones, and the
    score is the cosine with the middle of the cluster. The largest cluster comes first.

    \b
    semsearch clusters notes
    semsearch clusters notes --count 8 -k 1 --where "year >= 2020"
    """
    from semsearch.cli.output.render import show_clusters
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        show_clusters(collection.clusters(count, k, where=where), style)
