"""``semsearch search``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    k_option,
    model_options,
    name_argument,
)

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("query")
@k_option
@format_option
@model_options
@indexes_option
def command(name: str, query: str, k: int, style: str | None, indexes: Path | None, **how: Any) -> None:
    """Find the passages that are nearest in meaning to a query.

    The score is the cosine of the two vectors: 1 for the same, about 0 for unrelated. With - the query is read
    from standard input.

    \b
    semsearch search notes "insects that fly" -k 5
    semsearch search notes "insects that fly" --format json | jq '.[0].text'
    """
    from semsearch.cli.opening import open_collection
    from semsearch.cli.render import show_hits

    with open_collection(collection_path(indexes, name), how) as collection:
        show_hits(collection.search(_stdin() if query == "-" else query, k), style)


def _stdin() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")
