"""``semsearch demo``."""

from __future__ import annotations

from pathlib import Path

import click

from semsearch.cli.options import cli_command, collection_path, indexes_option

__all__ = ["command"]

NAME = "python-docs"
QUESTIONS = (
    "copy a file together with its permissions",
    "run a function again and again in the background",
    "how alike are two pieces of text?",
)


@cli_command
@indexes_option
def command(indexes: Path | None) -> None:
    """Index the docs of Python's standard library, and query them.

    They become collection python-docs. Done again, it encodes only what has changed.

    \b
    semsearch demo
    """
    from semsearch.cli.output.progress import count_committed, sync_progress
    from semsearch.cli.output.render import explain_scores, show_hits
    from semsearch.cli.output.summary import summary
    from semsearch.collection import Collection
    from semsearch.encoder import Encoder
    from semsearch.ingest.docstrings import standard_library
    from semsearch.storage.folder import exists

    path = collection_path(indexes, NAME)
    documents = list(standard_library())
    click.echo(f"{len(documents):,} docstrings of the standard library -> {path}", err=True)
    encoder = Encoder.load()
    with Collection.open(path, encoder) if exists(path) else Collection.create(path, encoder) as collection:
        planned = count_committed(lambda counts: counts.added + counts.updated + counts.unchanged)
        with sync_progress(len(documents), planned) as progress:
            report = collection.sync(documents, prune=["python"], progress=progress)
        click.echo(summary(NAME, report, dry_run=False), err=True)
        for question in QUESTIONS:
            click.echo(f"\n{question}\n")
            hits = collection.search(question, k=5)
            show_hits(hits, "table", explain_scores(hits, collection.settings.metric))
    click.echo(
        "\nTry next:\n"
        f'  semsearch search {NAME} "wait until several threads have finished"\n'
        f"  semsearch similar {NAME} shutil.copy2\n"
        "  semsearch index notes PATH-TO-YOUR-TEXTS"
    )
