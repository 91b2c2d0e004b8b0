"""``semsearch senses``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import (
    RunOptions,
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    name_argument,
    run_options,
)

if TYPE_CHECKING:
    from semsearch.words.contexts.senses import Sense

__all__ = ["command"]

COLUMNS = ("sense", "share", "typical")


@cli_command
@name_argument
@click.argument("word")
@click.option("-k", type=int, metavar="N", default=3, show_default=True, help="Occurrences of each sense at most.")
@format_option
@run_options
@indexes_option
def command(name: str, word: str, k: int, style: str | None, indexes: Path | None, run: RunOptions) -> None:
    """Group the places where a collection has a word by its senses.

    A sense is a group of occurrences of WORD in like contexts. Of each there are its number, the largest first, how
    many occurrences it has, their share of all, words that stand around them more often than elsewhere, and its most
    central occurrences.

    \b
    semsearch senses notes bank
    semsearch senses notes bank -k 1 --format json
    """
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.render import show_occurrences

    with open_collection(collection_path(indexes, name), run) as collection:
        legend = "share: of all places with the word; typical: words that are near these more often than near others"
        show_occurrences(list(_rows(collection.senses(word, k))), COLUMNS, style, legend)


def _rows(senses: Sequence[Sense]) -> Iterator[dict[str, Any]]:
    """A row for each occurrence that is shown, with the number, size, share and typical words of its sense."""
    for sense in senses:
        about = {"sense": sense.number, "count": sense.count, "share": sense.share, "typical": list(sense.typical)}
        yield from (about | asdict(occurrence) for occurrence in sense.central)
