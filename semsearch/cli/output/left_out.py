"""What was left out of a collection, and why: by kind and reason, on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from semsearch.cli.output.summary import count_noun
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.ingest.reader import Reader

__all__ = ["tell_left_out"]

MESSAGES_SHOWN = 10


def tell_left_out(reader: Reader, *, told: int = 0) -> None:
    """Say on stderr which records and how many files are not in the collection; the first are ``told`` elsewhere."""
    for message in reader.messages[told:MESSAGES_SHOWN]:
        click.echo(f"skipped: {one_line(message)}", err=True)
    if (more := reader.skipped - MESSAGES_SHOWN) > 0:
        click.echo(f"skipped: … and {more:,} more; --json names them", err=True)
    if reader.ignored:
        click.echo(
            f"left out: {count_noun(reader.ignored, 'file')} of unknown kinds; --include takes them as text", err=True
        )
    if reader.excluded:
        click.echo(f"left out: {count_noun(reader.excluded, 'path')} by .gitignore, other rules, or options", err=True)
    if reader.unreadable:
        click.echo(
            f"left out: {count_noun(reader.unreadable, 'file')} whose kinds need the extra files; run: "
            "pip install 'semsearch[files]'",
            err=True,
        )
