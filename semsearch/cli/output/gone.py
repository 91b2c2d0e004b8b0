"""Hits whose files are gone, told on stderr."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from semsearch.cli.output.summary import count_noun
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.query.hits import Hit

__all__ = ["tell_gone"]

SHOWN = 3


def tell_gone(name: str, hits: Iterable[Hit]) -> None:
    """Warn if files that hits of a collection were read from are no longer there."""
    sources = dict.fromkeys(hit.source for hit in hits if hit.source is not None)
    gone = [source for source in sources if _is_gone(source)]
    if gone:
        more = "" if len(gone) <= SHOWN else ", …"
        click.echo(
            f"warning: {count_noun(len(gone), 'file')} of these hits {'is' if len(gone) == 1 else 'are'} gone: "
            f"{', '.join(map(one_line, gone[:SHOWN]))}{more}; semsearch sync {name} --prune removes what is in them",
            err=True,
        )


def _is_gone(source: str) -> bool:
    """Whether a source is the path of a file that was there; it may be any text, which :class:`Path` refuses."""
    if not os.path.isabs(source) or os.path.lexists(source):  # noqa: PTH117
        return False
    from semsearch.ingest.files import is_gone  # knows of tables in databases and of names that are not UTF-8

    return is_gone(source)
