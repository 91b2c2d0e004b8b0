"""``semsearch status``."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.opening import open_store
from semsearch.cli.options import cli_command, collection_path, format_option, indexes_option, name_argument

if TYPE_CHECKING:
    from semsearch.storage.store import Store
    from semsearch.storage.upkeep.status import Status

__all__ = ["command"]


@cli_command
@name_argument
@click.option("-v", "--verbose", is_flag=True, help="Show all figures, as JSON does.")
@format_option
@indexes_option
def command(name: str, verbose: bool, style: str | None, indexes: Path | None) -> None:
    """Describe a collection in figures.

    How many documents and passages it has, what they were read from, its model and language; whether searches are
    exact, or else the recall@10 and the milliseconds that were measured; the fields that --where may ask about.

    \b
    semsearch status notes
    semsearch status notes --verbose
    semsearch status notes --format json | jq .passages
    """
    from semsearch.cli.output.render import is_for_people, show_record
    from semsearch.cli.output.summary import warn_of_age

    with closing(open_store(collection_path(indexes, name))) as store:
        status = store.status()
        is_short = is_for_people(style) and not verbose
        show_record(_shorten(store, status) if is_short else asdict(status) | {"fields": store.fields()}, style)
        warn_of_age(status)


def _shorten(store: Store, status: Status) -> dict[str, Any]:
    """What somebody who searches wants to know; what is as it should be is left out."""
    from semsearch.cli.output.summary import measured_text

    figures = {
        "name": status.name,
        "path": status.path,
        "documents": status.documents,
        "passages": status.passages,
        "words": status.words,
        "truncated": status.truncated or None,
        "unknown": status.unknown or None,
        "read_from": [path for recipe in store.recipes() for path in recipe.paths] or None,
        "fields": store.fields() or None,
        "search": measured_text(status),
        "model": status.model,
        "language": store.definition.settings.language,
        "unit": status.unit,
        "bytes": status.bytes,
        "created": status.created,
    }
    return {name: value for name, value in figures.items() if value is not None}
