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
from semsearch.cli.questions import QuestionOptions, question_options
from semsearch.common.documents import Mode

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("words", nargs=-1, metavar="[QUERY]...")
@k_option
@question_options
@click.option("--why", metavar="ID", help="Say why this document is a hit, or is none.")
@click.option("--queries", metavar="FILE", help="A question a line instead of QUERY; answers as JSON lines.")
@format_option
@run_options
@indexes_option
def command(
    name: str,
    words: tuple[str, ...],
    k: int,
    question: QuestionOptions,
    why: str | None,
    queries: str | None,
    style: str | None,
    indexes: Path | None,
    run: RunOptions,
) -> None:
    """Find the passages nearest to a query, in meaning and in words.

    The score is on the scale of the cosine of the two vectors: 1 for the same, about 0 for unrelated, unless the
    collection has another metric. With the mode dense it is that cosine, with lexical BM25. With - the query is read
    from standard input; with --like it may be left out.

    --where takes conditions on id, title, source and fields of the metadata, as SQL has them:
    = != < <= > >=, in (…), between, like, contains (of lists), is null, and, or, not.

    \b
    semsearch search notes insects that fly -k 5
    semsearch search notes "insects that fly" --where "year >= 2020 and lang in ('en', 'de')"
    semsearch search notes "os.path.join" --mode lexical
    semsearch search notes "insects" --like garden.md --not "airline food"
    semsearch search notes "insects that fly" --min-score 0.5
    semsearch search notes --queries questions.txt -k 3
    semsearch search notes "insects that fly" --explain --format json | jq '.[0].explanation'
    """
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.gone import tell_gone
    from semsearch.cli.output.render import explain_scores, is_for_people, show_hits

    query = " ".join(words) if words else None
    if query is None and queries is None and not question.like:
        raise click.UsageError("Missing argument 'QUERY'.")
    has_least = question.min_score is not None
    if queries is not None and (query is not None or has_least or why is not None or style not in (None, "jsonl")):
        raise click.UsageError(
            "--queries takes the place of QUERY, answers as jsonl, and knows no --min-score or --why."
        )
    if has_least and (question.has_other_than_filter or why is not None):
        raise click.UsageError("--min-score gives all passages from there on, and goes with --where and --mode alone.")
    with open_collection(collection_path(indexes, name), run, warm=True) as collection:
        if queries is not None:
            from semsearch.cli.queries import answer_file

            answer_file(collection, queries, k, question.as_search_options(run))
            return
        text = sys.stdin.buffer.read().decode("utf-8", "replace") if query == "-" else query
        if why is not None:
            from semsearch.cli.output.explanation import show_why

            show_why(collection.why(why, text, k, **question.as_search_options(run)), style)
            return
        if question.min_score is None:
            options = question.as_search_options(run, highlight=is_for_people(style) and text is not None)
            hits = collection.search(text, k, **options)
        else:
            hits = collection.within(
                text or "", question.min_score, where=question.where, mode=question.mode or Mode.DENSE
            )
        show_hits(hits, style, explain_scores(hits, collection.settings.metric))
        tell_gone(name, hits)
        if question.explain:
            from semsearch.cli.output.explanation import show_explanations

            show_explanations(hits, style)
        if question.where is not None:
            click.echo(f"documents that fulfil the filter: {hits.documents:,}", err=True)
