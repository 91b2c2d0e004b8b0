"""``semsearch status``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from semsearch.cli.options import cli_command, collection_path, format_option, indexes_option, name_argument

__all__ = ["command"]


@cli_command
@name_argument
@format_option
@indexes_option
def command(name: str, style: str | None, indexes: Path | None) -> None:
    """Describe a collection in figures.

    How many documents and passages it has, its model, its size; its index, the recall@10 that was measured when it
    was built, and the milliseconds of a query in it; the fields that --where may ask about, by type and count.

    \b
    semsearch status notes
    semsearch status notes --format json | jq .passages
    """
    from semsearch.cli.output.render import show_record
    from semsearch.cli.output.summary import warn_of_age
    from semsearch.collection import Collection

    with Collection.open(collection_path(indexes, name)) as collection:
        status = collection.status()
        show_record(asdict(status) | {"fields": collection.fields()}, style)
        warn_of_age(status)
