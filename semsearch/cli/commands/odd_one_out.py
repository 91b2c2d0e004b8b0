"""``semsearch odd-one-out``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from semsearch.cli.options import cli_command, format_option, model_options, space_options

__all__ = ["command"]


@cli_command
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@space_options
@format_option
@model_options
def command(words: tuple[str, ...], style: str | None, **how: Any) -> None:
    """Find the word that does not belong with the others.

    The score is the mean cosine with the other words; the lowest comes first.

    \b
    semsearch odd-one-out breakfast cereal dinner lunch
    semsearch odd-one-out bee eagle goose jet --vectors examples/flying.csv
    """
    from semsearch.cli.output.render import show
    from semsearch.cli.spaces import open_space

    show([asdict(one) for one in open_space(how).odd_one_out(words)], ("rank", "score", "name"), style)
