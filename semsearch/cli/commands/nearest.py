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
@format_option
@run_options
def command(
    word: str | None, decode: Path | None, words: SpaceOptions, k: int, style: str | None, run: RunOptions
) -> None:
    """Find the words of a vocabulary that are nearest to a word.

    The vocabulary is the model's, in its input embeddings (--space static), in a hidden layer, or through the
    whole encoder; WORD may be any word, also one of several pieces. With --words it is a file of named vectors.

    With --decode FILE each row of the file is decoded: the words nearest to it in the space, which must be the one
    that the vectors are from.

    \b
    semsearch nearest king
    semsearch nearest king --space static -k 5
    semsearch nearest drone --words examples/flying.csv
    semsearch embed "I love mathematics!" --tokens --layer 2 --out love.safetensors
    semsearch nearest --decode love.safetensors --space layer:2 -k 3
    """
    if word is None and decode is None:
        raise InputError("there is nothing to find words for; give a WORD, or a file of vectors with --decode")
    if word is not None and decode is not None:
        raise InputError(f"the word {word!r} and --decode {decode} are two questions; leave one out")
    from semsearch.cli.opening import open_space
    from semsearch.cli.output.render import show

    if decode is None:
        neighbours = open_space(words, run).nearest(str(word), k)
        legend = "score: cosine of the words' vectors; 1 is the same direction"
        show([asdict(neighbour) for neighbour in neighbours], COLUMNS, style, legend=legend)
        return
    from semsearch.cli.output.arrays import read_rows

    labels, vectors = read_rows(decode)
    every = ("row", "label", *COLUMNS)
    shown = every if any(labels) else ("row", *COLUMNS)
    show(list(_decode(open_space(words, run), labels, vectors, k)), shown, style, every=every)


def _decode(space: Space, labels: list[str | None], vectors: Float32, k: int) -> Iterator[dict[str, Any]]:
    """The nearest names of each row; rows are counted from 1."""
    nearest = zip(labels, *space.nearest_rows(space.prepare(vectors), k), strict=True)
    for row, (label, scores, names) in enumerate(nearest, 1):
        for rank, (score, name) in enumerate(zip(scores.tolist(), names, strict=True), 1):
            yield {"row": row, "label": label, "rank": rank, "score": score, "name": space.names[name]}
