"""``semsearch tokens``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from semsearch.cli.options import cli_command, format_option, k_option, model_options, space_options

__all__ = ["command"]


@cli_command
@click.argument("word")
@space_options
@k_option
@format_option
@model_options
def command(word: str, k: int, style: str | None, **how: Any) -> None:
    """Find the words of a vocabulary that are nearest to a word.

    The vocabulary is the model's, in its input embeddings (--space static), in a hidden layer, or through the
    whole encoder; WORD may be any word, also one of several pieces. With --vectors it is a file of named vectors.

    \b
    semsearch tokens king
    semsearch tokens king --space static -k 5
    semsearch tokens drone --vectors examples/flying.csv
    """
    from semsearch.cli.render import show
    from semsearch.cli.spaces import open_space

    show([asdict(one) for one in open_space(how).nearest(word, k)], ("rank", "score", "name"), style)
