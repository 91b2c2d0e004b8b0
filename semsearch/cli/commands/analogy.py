"""``semsearch analogy``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from click.core import ParameterSource

from semsearch.cli.options import (
    RUN_OPTIONS,
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    k_option,
    model_options,
    space_options,
)
from semsearch.common.errors import InputError

__all__ = ["command"]

COLUMNS = ("rank", "rank_of_all", "score", "name")
Question = tuple[list[str], list[str], int, str]
"""Positive and negative words or texts, number of answers, formula."""
SPACE_OPTIONS = ("model", "vectors", "space", "center", "drop")


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
@click.option("--collection", metavar="NAME", help="Answer with passages of this collection; words may be texts.")
@indexes_option
@space_options
@k_option
@format_option
@model_options
def command(a: str, b: str, c: str, k: int, style: str | None, **how: Any) -> None:
    """Find what is to C as B is to A.

    Words of the question are no answers, and have no rank; rank_of_all counts them, too: an analogy that holds
    without leaving them out is a better one. With --collection the question is of texts, and the answers are passages.

    \b
    semsearch analogy man king woman
    semsearch analogy man king woman --formula 3cosmul -k 3
    semsearch analogy france paris italy --pair spain madrid --pair japan tokyo
    semsearch analogy bee eagle drone --vectors examples/flying.csv
    semsearch analogy "she walks" "she walked" "he sings a song" --collection notes
    """
    positive = [*(right for _, right in how["pairs"]), b, *how["plus"], c]
    negative = [*(left for left, _ in how["pairs"]), a, *how["minus"]]
    formula = how["formula"] or ("3cosavg" if how["pairs"] else "3cosadd")
    question = (positive, negative, k, formula)
    if how["collection"] is None:
        _ask_space(question, style, how)
    else:
        _ask_collection(question, style, how)


def _ask_space(question: Question, style: str | None, how: dict[str, Any]) -> None:
    from semsearch.cli.output.render import show
    from semsearch.cli.spaces import open_space

    if how["indexes"] is not None:
        raise InputError(f"--indexes {how['indexes']} is where a collection is; name it with --collection")
    show([asdict(one) for one in open_space(how).answer_both(*question)], COLUMNS, style)


def _ask_collection(question: Question, style: str | None, how: dict[str, Any]) -> None:
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.render import show_passage_answers

    for name in SPACE_OPTIONS:
        if click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"--{name} is about words, and a collection's passages have their vectors; leave it out")
    path = collection_path(how["indexes"], how["collection"])
    with open_collection(path, {name: how[name] for name in RUN_OPTIONS}) as collection:
        show_passage_answers(collection.analogy(*question), style)
