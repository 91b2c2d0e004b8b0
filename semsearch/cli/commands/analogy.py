"""``semsearch analogy``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from semsearch.cli.options import (
    RunOptions,
    SpaceOptions,
    as_value,
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    k_option,
    run_options,
    space_options,
)
from semsearch.common.documents import Formula
from semsearch.common.errors import InputError

__all__ = ["command"]

LEGENDS = {
    Formula.COS_ADD: "score: cosine with B - A + C",
    Formula.COS_MUL: "score: likeness to B and C over likeness to A, each from 0 to 1; only its order means something",
    Formula.COS_AVG: "score: cosine with C and the mean way from A to B",
    Formula.PAIR_DIRECTION: "score: cosine of the ways from A to B and from C to the answer",
}
COLUMNS = ("rank", "rank_of_all", "score", "name")
SPACE_OPTIONS = {"model": "model", "file": "words", "space": "space", "center": "center", "drop": "drop"}
"""Arguments, and the options that give them."""


@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """What is asked beside A, B and C."""

    formula: str | None
    pairs: tuple[tuple[str, str], ...]
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    collection: str | None
    plot: Path | None

    def question(self, a: str, b: str, c: str) -> tuple[list[str], list[str], Formula]:
        """Positive and negative words or texts, and the formula."""
        positive = [*(right for _, right in self.pairs), b, *self.plus, c]
        negative = [*(left for left, _ in self.pairs), a, *self.minus]
        return positive, negative, Formula(self.formula) if self.formula else self._default_formula()

    def _default_formula(self) -> Formula:
        if self.pairs:
            return Formula.COS_AVG
        return Formula.COS_MUL if self.collection is None else Formula.COS_ADD


question_options = as_value(
    QuestionOptions,
    "asked",
    "What is asked",
    (
        click.option(
            "--formula",
            type=click.Choice([formula.value for formula in Formula]),
            help="How answers are scored.  [default: 3cosmul; 3cosavg with --pair, 3cosadd with --collection]",
        ),
        click.option(
            "--pair", "pairs", nargs=2, multiple=True, metavar="A B", help="One more pair like A B; repeatable."
        ),
        click.option("--plus", multiple=True, metavar="WORD", help="One more word to be near to; repeatable."),
        click.option("--minus", multiple=True, metavar="WORD", help="One more word to be far from; repeatable."),
        click.option(
            "--collection", metavar="NAME", help="Answer with passages of this collection; words may be texts."
        ),
        click.option(
            "--plot",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Draw A, B, C and the best answer to a .png or .svg file.",
        ),
    ),
)


@cli_command
@click.argument("a")
@click.argument("b")
@click.argument("c")
@question_options
@indexes_option
@space_options
@k_option
@format_option
@run_options
def command(
    a: str,
    b: str,
    c: str,
    asked: QuestionOptions,
    indexes: Path | None,
    words: SpaceOptions,
    run: RunOptions,
    k: int,
    style: str | None,
) -> None:
    """Find what is to C as B is to A.

    Words of the question are no answers, and have no rank; rank_of_all counts them, too: an analogy that holds
    without leaving them out is a better one. With --collection the question is of texts, and the answers are passages.

    \b
    semsearch analogy man king woman
    semsearch analogy man king woman --formula 3cosadd -k 3
    semsearch analogy france paris italy --pair spain madrid --pair japan tokyo
    semsearch analogy bee eagle drone --words examples/flying.csv --plot flying.svg
    semsearch analogy "she walks" "she walked" "he sings a song" --collection notes
    """
    positive, negative, formula = asked.question(a, b, c)
    if asked.collection is None:
        from semsearch.cli.opening import open_space
        from semsearch.cli.output.render import show
        from semsearch.cli.output.words import draw_analogy, tell_pieces

        if indexes is not None:
            raise InputError(f"--indexes {indexes} is where a collection is; name it with --collection")
        if asked.plot:
            from semsearch.plot import check_picture

            check_picture(asked.plot)
        space = open_space(words, run)
        answers = space.answer_both(positive, negative, k, formula)
        tell_pieces(space, list(dict.fromkeys([*positive, *negative])))
        show([asdict(answer) for answer in answers], COLUMNS, style, legend=LEGENDS[formula])
        if asked.plot and (best := [answer.name for answer in answers if answer.rank == 1]):
            draw_analogy(asked.plot, space, (a, b, c), best[0])
        return
    if asked.plot:
        raise InputError(f"--plot {asked.plot} draws words; leave it out, or --collection")
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.render import show_passage_answers

    _refuse_space_options()
    with open_collection(collection_path(indexes, asked.collection), run) as opened:
        show_passage_answers(opened.analogy(positive, negative, k, formula), style)


def _refuse_space_options() -> None:
    for name, option in SPACE_OPTIONS.items():
        if click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"--{option} is about words, and a collection's passages have their vectors; leave it out")
