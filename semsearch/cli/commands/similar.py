"""``semsearch similar``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    k_option,
    name_argument,
    where_option,
)

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("document")
@k_option
@where_option
@format_option
@indexes_option
def command(name: str, document: str, k: int, where: str | None, style: str | None, indexes: Path | None) -> None:
    """Find the documents that are nearest to a stored one.

    DOCUMENT is its id in collection NAME, as search shows it. Every document is judged by its nearest passage.

    \b
    semsearch similar notes notes/2024/garden.md
    """
    from semsearch.cli.output.gone import tell_gone
    from semsearch.cli.output.render import explain_scores, show_hits
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        hits = collection.similar(document, k, where=where)
        show_hits(hits, style, explain_scores(hits, collection.settings.metric))
        tell_gone(name, hits)
