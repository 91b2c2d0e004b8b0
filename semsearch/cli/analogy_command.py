"""``semsearch analogy``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from semsearch.cli.options import cli_command, format_option, k_option, model_options, space_options

__all__ = ["command"]

COLUMNS = ("rank", "rank_of_all", "score", "name")


@cli_command
@click.argument("a")
@click.argument("b")
@click.argument("c")
@click.option(
    "--formula",
    type=click.Choice(["3cosadd", "3cosmul", "pair-direction", "3cosavg"]),
    help="How answers are scored.  [default: 3cosadd; 3cosavg with --pair]",
)
@click.option("--pair", "pairs", nargs=2, multiple=True, metavar="A B", help="One more pair like A B; repeatable.")
@click.option("--plus", multiple=True, metavar="WORD", help="One more word to be near to; repeatable.")
@click.option("--minus", multiple=True, metavar="WORD", help="One more word to be far from; repeatable.")
@space_options
@k_option
@format_option
@model_options
def command(a: str, b: str, c: str, k: int, style: str | None, **how: Any) -> None:
    """Find what is to C as B is to A.

    Words of the question are no answers, and have no rank; rank_of_all counts them, too: an analogy that holds
    without leaving them out is a better one.

    \b
    semsearch analogy man king woman
    semsearch analogy man king woman --formula 3cosmul -k 3
    semsearch analogy france paris italy --pair spain madrid --pair japan tokyo
    semsearch analogy bee eagle drone --vectors examples/flying.csv
    """
    from semsearch.cli.render import show
    from semsearch.cli.spaces import open_space

    positive = [*(right for _, right in how["pairs"]), b, *how["plus"], c]
    negative = [*(left for left, _ in how["pairs"]), a, *how["minus"]]
    formula = how["formula"] or ("3cosavg" if how["pairs"] else "3cosadd")
    show([asdict(one) for one in open_space(how).answer_both(positive, negative, k, formula)], COLUMNS, style)
