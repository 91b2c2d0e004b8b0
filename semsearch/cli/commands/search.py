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
    where_option,
)
from semsearch.common.documents import Mode

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("query")
@k_option
@where_option
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    help="By meaning, by words (BM25), or both.  [default: hybrid]",
)
@click.option("--offset", type=int, metavar="N", default=0, help="Pass over the N best: the next page.")
@click.option("--per-document", is_flag=True, help="The best passage of each document alone.")
@click.option("--min-score", type=float, metavar="SCORE", help="All passages from this score on, however many.")
@click.option("--exact", is_flag=True, help="Compare with every passage instead of asking the index.")
@format_option
@run_options
@indexes_option
def command(  # noqa: PLR0913 - a question has many sides
    name: str,
    query: str,
    k: int,
    where: str | None,
    mode: str | None,
    offset: int,
    per_document: bool,
    min_score: float | None,
    exact: bool,
    style: str | None,
    indexes: Path | None,
    run: RunOptions,
) -> None:
    """Find the passages that are nearest to a query, in meaning and in words.

    The score is on the scale of the cosine of the two vectors: 1 for the same, about 0 for unrelated, unless the
    collection has another metric. With the mode dense it is that cosine, with lexical BM25. With - the query is read
    from standard input.

    --where takes conditions on id, title, source and fields of the metadata, as SQL has them:
    = != < <= > >=, in (…), between, like, contains (of lists), is null, and, or, not.

    \b
    semsearch search notes "insects that fly" -k 5
    semsearch search notes "insects that fly" --where "year >= 2020 and lang in ('en', 'de')"
    semsearch search notes "os.path.join" --mode lexical
    semsearch search notes "insects that fly" --min-score 0.5
    semsearch search notes "insects that fly" --format json | jq '.[0].text'
    """
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.render import show_hits

    with open_collection(collection_path(indexes, name), run) as collection:
        text = _stdin() if query == "-" else query
        if min_score is None:
            hits = collection.search(
                text, k, where=where, mode=mode, offset=offset, per_document=per_document, exact=exact
            )
        else:
            hits = collection.within(text, min_score, where=where, mode=mode or Mode.DENSE)
        show_hits(hits, style)
        if where is not None:
            click.echo(f"documents that fulfil the filter: {hits.documents:,}", err=True)


def _stdin() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")
