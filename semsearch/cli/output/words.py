"""What is said of words beside their scores, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.words.spaces import Space

__all__ = ["draw_analogy", "draw_neighbours", "tell_pieces"]


def tell_pieces(space: Space, names: Sequence[str]) -> None:
    """Say which words a model's vocabulary has not, so that their vectors are made of pieces."""
    from semsearch.words.spaces import Vocabulary

    if not isinstance(space, Vocabulary):
        return
    for name in names:
        if pieces := space.pieces(name):
            click.echo(one_line(f"{name!r} is no word of the vocabulary; it is read as {' '.join(pieces)}"), err=True)


def draw_neighbours(path: Path, space: Space, word: str, others: Sequence[str]) -> None:
    """Draw a word, marked, and those near to it."""
    _draw(path, space, [word, *others], f"Words near to {word}", marked=1)


def draw_analogy(path: Path, space: Space, question: Sequence[str], answer: str) -> None:
    """Draw A, B, C and the answer, with arrows from A to B and from C to the answer: near to a parallelogram."""
    a, b, c = question
    _draw(path, space, [a, b, c, answer], f"{a} is to {b} as {c} is to {answer}", marked=3, arrows=[(0, 1), (2, 3)])


def _draw(
    path: Path, space: Space, names: Sequence[str], title: str, marked: int, arrows: Sequence[tuple[int, int]] = ()
) -> None:
    from semsearch.plot import points

    whole, rows = space.including(names)
    points(path, whole.vectors[rows], names, title=title, marked=marked, arrows=arrows, axis_names=space.axis_names)
