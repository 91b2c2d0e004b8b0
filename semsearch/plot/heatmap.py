"""A matrix of similarities as a picture: the closer two texts, the darker their cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semsearch.common.arrays import Float32
from semsearch.common.environment import import_extra
from semsearch.common.errors import InputError
from semsearch.common.unicode import one_line

__all__ = ["check_picture", "heatmap"]

KINDS = (".png", ".svg")
LONGEST_LABEL = 40
INCHES_A_CELL = 0.6
INCHES_AROUND = 3.0
MOST_NUMBERS = 24
"""Rows or columns beyond which the numbers would not fit their cells."""


def check_picture(path: Path) -> None:
    """Raise before any work is done for a picture that could not be drawn."""
    if path.suffix.lower() not in KINDS:
        raise InputError(f"a picture cannot be written to {path}; its name must end in {' or '.join(KINDS)}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the picture; make it first")
    import_extra("matplotlib", "plot", "a picture")


def heatmap(path: Path, matrix: Float32, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw float32[rows, columns] of cosines, -1 to 1, with its labels, as PNG or SVG by the name of ``path``."""
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # not pyplot, which looks for a display

    width, height = (INCHES_AROUND + INCHES_A_CELL * count for count in (len(columns), len(rows)))
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="Blues", vmin=min(0.0, float(matrix.min())), vmax=1)
    axes.set_xticks(range(len(columns)), [_label(text) for text in columns], rotation=45, ha="right", parse_math=False)
    axes.set_yticks(range(len(rows)), [_label(text) for text in rows], parse_math=False)
    if max(len(rows), len(columns)) <= MOST_NUMBERS:
        for row, values in enumerate(matrix):
            for column, value in enumerate(values):
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if value > 0.6 else "k")
    figure.colorbar(image, label="cosine")
    try:
        figure.savefig(path)
    except OSError as error:
        raise InputError(f"the picture {path} cannot be written ({error.strerror or error}); name another") from error


def _label(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"
