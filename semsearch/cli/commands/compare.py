"""``semsearch compare``."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import RunOptions, cli_command, format_option, model_option, run_options
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.encoder import Encoder
    from semsearch.query.compare import Alignment

__all__ = ["command"]


@cli_command
@click.argument("texts", nargs=-1, required=True, metavar="TEXT TEXT...")
@click.option("--tokens", is_flag=True, help="Compare two texts token by token.")
@click.option("--layers", "word", metavar="WORD", help="Compare a word of the texts by its vectors, layer by layer.")
@click.option("--layer", type=int, metavar="N", help="Hidden layer of the tokens.  [default: -1, the last]")
@click.option(
    "--plot", metavar="FILE", type=click.Path(path_type=Path), help="Draw the similarities to a .png or .svg file."
)
@model_option
@format_option
@run_options
def command(
    texts: tuple[str, ...],
    tokens: bool,
    word: str | None,
    layer: int | None,
    plot: Path | None,
    model: str,
    style: str | None,
    run: RunOptions,
) -> None:
    """Show how alike texts are, as wholes or token by token.

    As wholes: a matrix of cosines, column N being text N. With --tokens, for each token of either text the token
    of the other that answers it best. With --layers, how a word that is in all texts moves apart from layer to layer:
    alike at the input, it is what its text makes of it at the end.

    \b
    semsearch compare "A bee flies." "An eagle flies." "A loan has interest."
    semsearch compare "the bank of the river" "she sat by the water" --tokens
    semsearch compare "the bank of the river" "the bank lends money" "a bank pays interest" --layers bank
    semsearch compare "A bee flies." "An eagle flies." --plot bees.png
    """
    if len(texts) < 2 or (tokens and len(texts) != 2):
        raise InputError(
            f"there {'is 1 text' if len(texts) == 1 else f'are {len(texts)} texts'}; "
            f"give {'exactly two' if tokens else 'two or more'} to compare"
        )
    if tokens and word is not None:
        raise InputError(f"--tokens and --layers {word} are two comparisons; choose one")
    if layer is not None and not tokens:
        raise InputError(f"--layer {layer} is for the vectors of tokens; add --tokens")
    if plot:
        from semsearch.plot import check_picture

        check_picture(plot)
    encoder = run.load(model)
    if word is not None:
        _compare_layers(encoder, texts, word, plot, style)
    elif tokens:
        _compare_tokens(encoder, texts, -1 if layer is None else layer, plot, style)
    else:
        _compare_texts(encoder, texts, plot, style)


def _compare_texts(encoder: Encoder, texts: tuple[str, ...], plot: Path | None, style: str | None) -> None:
    from semsearch.cli.output.render import show
    from semsearch.query.compare import similarities

    matrix = similarities(encoder, texts)
    numbers = [str(number) for number in range(1, len(texts) + 1)]
    rows = [
        {"number": int(number), **dict(zip(numbers, map(float, row), strict=True)), "text": text}
        for number, text, row in zip(numbers, texts, matrix, strict=True)
    ]
    show(rows, ("number", *numbers, "text"), style)
    if plot:
        from semsearch.plot import heatmap

        heatmap(plot, matrix, texts, texts)


def _compare_tokens(encoder: Encoder, texts: tuple[str, ...], layer: int, plot: Path | None, style: str | None) -> None:
    from semsearch.cli.output.render import show
    from semsearch.query.compare import align

    alignment = align(encoder, texts[0], texts[1], layer)
    show(_answers(alignment), ("number", "token", "score", "answer"), style)
    if plot:
        from semsearch.plot import heatmap

        heatmap(plot, alignment.cosines, alignment.left, alignment.right)


def _compare_layers(encoder: Encoder, texts: tuple[str, ...], word: str, plot: Path | None, style: str | None) -> None:
    from semsearch.cli.output.render import show
    from semsearch.query.compare import follow_word

    cosines = follow_word(encoder, texts, word)
    pairs = list(itertools.combinations(range(len(texts)), 2))
    names = [f"{left + 1}-{right + 1}" for left, right in pairs]
    rows = [
        {"layer": layer, **{name: float(matrix[pair]) for name, pair in zip(names, pairs, strict=True)}}
        for layer, matrix in enumerate(cosines)
    ]
    legend = (
        f"column 1-2: cosine of {word!r} in text 1 and in text 2; layer 0 is the input, where only the place differs"
    )
    show(rows, ("layer", *names), style, legend=legend)
    if plot:
        from semsearch.plot import curves

        lines = {f"{texts[left]} – {texts[right]}": cosines[:, left, right].tolist() for left, right in pairs}
        curves(plot, lines, title=f"How alike the word {word} is, layer by layer", number="cosine")


def _answers(alignment: Alignment) -> list[dict[str, Any]]:
    """For each token of text 1, then of text 2, the best of the other text."""
    sides = (
        (1, alignment.left, alignment.right, alignment.cosines),
        (2, alignment.right, alignment.left, alignment.cosines.T),
    )
    return [
        {"number": number, "token": token, "score": float(row.max()), "answer": others[row.argmax()]}
        for number, tokens, others, cosines in sides
        for token, row in zip(tokens, cosines, strict=True)
    ]
