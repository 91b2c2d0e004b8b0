"""``semsearch tune``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    indexes_option,
    name_argument,
    timeout_option,
)

__all__ = ["command"]


@cli_command
@name_argument
@click.option("--recall", type=float, metavar="SHARE", help="Share of the true 10 nearest to find, such as 0.98.")
@click.option("--latency-ms", type=float, metavar="MS", help="Milliseconds that a query may take in the index.")
@timeout_option
@indexes_option
def command(
    name: str, recall: float | None, latency_ms: float | None, timeout: float | None, indexes: Path | None
) -> None:
    """Choose between speed and recall of a collection's index.

    Give one of the two. Points of operation are measured against exact searches, the best one is stored, and the
    choice is made again whenever the index is built. Unless told otherwise a recall of 0.99 is aimed at.

    \b
    semsearch tune notes --recall 0.999
    semsearch tune notes --latency-ms 1
    """
    from semsearch.cli.output.summary import measured_text
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name), timeout=timeout) as collection:
        click.echo(f"{name}: {measured_text(collection.tune(recall=recall, latency_ms=latency_ms))}")
