"""``semsearch search``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from semsearch.cli.options import (
    RunOptions,
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    k_option,
    name_argument,
    run_options,
)

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("query")
@k_option
@click.option("--min-score", type=float, metavar="SCORE", help="All passages from this score on, however many.")
@click.option("--exact", is_flag=True, help="Compare with every passage instead of asking the index.")
@format_option
@run_options
@indexes_option
def command(
    name: str,
    query: str,
    k: int,
    min_score: float | None,
    exact: bool,
    style: str | None,
    indexes: Path | None,
    run: RunOptions,
) -> None:
    """Find the passages that are nearest in meaning to a query.

    The score is the cosine of the two vectors, 1 for the same, about 0 for unrelated, unless the collection has
    another metric. With - the query is read from standard input.

    \b
    semsearch search notes "insects that fly" -k 5
    semsearch search notes "insects that fly" --min-score 0.5
    semsearch search notes "insects that fly" --format json | jq '.[0].text'
    """
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.render import show_hits

    with open_collection(collection_path(indexes, name), run) as collection:
        text = _stdin() if query == "-" else query
        hits = collection.search(text, k, exact=exact) if min_score is None else collection.within(text, min_score)
        show_hits(hits, style)


def _stdin() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")
