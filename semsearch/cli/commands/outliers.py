"""``semsearch outliers``."""

from __future__ import annotations

from pathlib import Path

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
@k_option
@where_option
@format_option
@indexes_option
def command(name: str, k: int, where: str | None, style: str | None, indexes: Path | None) -> None:
    """Find passages that are like none of the other documents.

    The score is the mean cosine with the three nearest passages of other documents; the lowest comes first.

    \b
    semsearch outliers notes -k 5
    """
    from semsearch.cli.output.render import show_hits
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        legend = "score: mean cosine with the three nearest passages of other documents"
        show_hits(collection.outliers(k, where=where), style, legend)
