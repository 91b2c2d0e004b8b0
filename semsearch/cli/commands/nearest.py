"""``semsearch nearest``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import (
    RunOptions,
    SpaceOptions,
    cli_command,
    format_option,
    k_option,
    run_options,
    space_options,
)
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.common.arrays import Float32
    from semsearch.words.spaces import Space

__all__ = ["command"]

COLUMNS = ("rank", "score", "name")


@cli_command
@click.argument("word", required=False)
@click.option(
    "--decode",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="In place of WORD: the vectors in this .npy or .safetensors file, as embed --out writes it.",
)
@space_options
@k_option
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), help="Draw the words to a .png or .svg file.")
@format_option
@run_options
def command(
    word: str | None,
    decode: Path | None,
    words: SpaceOptions,
    k: int,
    plot: Path | None,
    style: str | None,
    run: RunOptions,
) -> None:
    """Find the words of a vocabulary that are nearest to a word.

    The vocabulary is the model's, in its input embeddings (--space static), in a hidden layer, or through the
    whole encoder; WORD may be any word, also one of several pieces. With --words it is a file of named vectors.

    With --decode FILE each row of the file is decoded: the words nearest to it in the space that the vectors are
    from. A .safetensors file of embed knows that space; for others it is named by --space or --words.

    \b
    semsearch nearest king
    semsearch nearest king --space static -k 5
    semsearch nearest drone --words examples/flying.csv
    semsearch embed "I love mathematics!" --tokens --layer 2 --out love.safetensors
    semsearch nearest --decode love.safetensors -k 3
    semsearch nearest drone --words examples/flying.csv --plot flying.svg
    """
    if word is None and decode is None:
        raise InputError("there is nothing to find words for; give a WORD, or a file of vectors with --decode")
    if word is not None and decode is not None:
        raise InputError(f"the word {word!r} and --decode {decode} are two questions; leave one out")
    if decode is not None:
        if plot:
            raise InputError(f"--plot {plot} draws a word and its neighbours; give a WORD, and leave --decode out")
        _show_decoded(decode, words, k, style, run)
        return
    if plot:
        from semsearch.plot import check_picture

        check_picture(plot)
    from semsearch.cli.opening import open_space
    from semsearch.cli.output.render import show
    from semsearch.cli.output.words import draw_neighbours, tell_pieces

    space = open_space(words, run)
    neighbours = space.nearest(str(word), k)
    tell_pieces(space, [str(word)])
    legend = "score: cosine of the words' vectors; 1 is the same direction"
    show([asdict(neighbour) for neighbour in neighbours], COLUMNS, style, legend=legend)
    if plot:
        draw_neighbours(plot, space, str(word), [neighbour.name for neighbour in neighbours])


def _show_decoded(file: Path, words: SpaceOptions, k: int, style: str | None, run: RunOptions) -> None:
    """The words nearest to each vector in a file, in the space that the vectors are of."""
    from semsearch.cli.opening import open_space_of
    from semsearch.cli.output.arrays import read_origin, read_rows
    from semsearch.cli.output.render import show
    from semsearch.words.spaces import DEFAULT_SPACE

    labels, vectors = read_rows(file)
    origin = read_origin(file)
    if origin is None and words.space is None and words.file is None:
        click.echo(
            f"warning: {file} does not say which space its vectors are of, and they are taken for {DEFAULT_SPACE}; "
            "name it with --space",
            err=True,
        )
    space = open_space_of(origin, file, words, run)
    every = ("row", "label", *COLUMNS)
    shown = every if any(labels) else ("row", *COLUMNS)
    show(list(_decode(space, labels, vectors, k)), shown, style, every=every)


def _decode(space: Space, labels: list[str | None], vectors: Float32, k: int) -> Iterator[dict[str, Any]]:
    """The nearest names of each row; rows are counted from 1."""
    nearest = zip(labels, *space.nearest_rows(space.prepare(vectors), k), strict=True)
    for row, (label, scores, names) in enumerate(nearest, 1):
        for rank, (score, name) in enumerate(zip(scores.tolist(), names, strict=True), 1):
            yield {"row": row, "label": label, "rank": rank, "score": score, "name": space.names[name]}
