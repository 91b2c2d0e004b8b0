"""``semsearch odd-one-out``."""

from __future__ import annotations

from dataclasses import asdict

import click

from semsearch.cli.options import RunOptions, SpaceOptions, cli_command, format_option, run_options, space_options

__all__ = ["command"]


@cli_command
@click.argument("names", nargs=-1, required=True, metavar="WORD...")
@space_options
@format_option
@run_options
def command(names: tuple[str, ...], words: SpaceOptions, style: str | None, run: RunOptions) -> None:
    """Find the word that does not belong with the others.

    The score is the mean cosine with the other words; the lowest comes first.

    \b
    semsearch odd-one-out breakfast cereal dinner lunch
    semsearch odd-one-out bee eagle goose jet --words examples/flying.csv
    """
    from semsearch.cli.opening import open_space
    from semsearch.cli.output.render import show
    from semsearch.cli.output.words import tell_pieces

    space = open_space(words, run)
    neighbours = space.odd_one_out(names)
    tell_pieces(space, names)
    legend = "score: mean cosine with the other words; the first fits least"
    show([asdict(neighbour) for neighbour in neighbours], ("rank", "score", "name"), style, legend=legend)
