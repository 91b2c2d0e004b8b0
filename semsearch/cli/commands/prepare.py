"""``semsearch prepare``."""

from __future__ import annotations

import click

from semsearch.cli.options import RunOptions, cli_command, run_options
from semsearch.common.environment import DEFAULT_MODEL, cache_folder

__all__ = ["command"]


@cli_command
@click.argument("model", default=DEFAULT_MODEL)
@run_options
def command(model: str, run: RunOptions) -> None:
    """Convert and compile a model now, so that the first use need not.

    MODEL is a folder, a name or a Hub id; the packaged model unless told otherwise. What is made is kept in the cache
    folder ($SEMSEARCH_CACHE), which an image may bring along.

    \b
    semsearch prepare
    semsearch prepare sentence-transformers/all-mpnet-base-v2
    """
    encoder = run.load(model)
    encoder.encode(["one text"])
    encoder.encode([f"text {number} of many" for number in range(400)])  # graphs for one text and for many differ
    click.echo(
        f"{encoder.name}: ready, {encoder.dimension} dimensions, {encoder.runtime} in {encoder.precision}, "
        f"kept in {cache_folder()}"
    )
