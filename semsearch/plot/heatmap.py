"""A matrix as a picture: the larger a number, the darker its cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semsearch.common.arrays import Float32
from semsearch.plot.picture import drawing, shorten_label

__all__ = ["heatmap"]

INCHES_A_CELL = 0.6
INCHES_AROUND = 3.0
MOST_NUMBERS = 24
"""Rows or columns beyond which the numbers would not fit their cells."""


def heatmap(
    path: Path,
    matrix: Float32,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str = "How alike the texts are",
    number: str = "cosine",
) -> None:
    """Draw float32[rows, columns] of numbers up to 1 with its labels, as PNG or SVG by the name of ``path``."""
    width, height = (INCHES_AROUND + INCHES_A_CELL * count for count in (len(columns), len(rows)))
    description = f"A {len(rows)} by {len(columns)} table of {number}s; the darker a cell, the larger its {number}."
    with drawing(path, (width, height), title, description) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(matrix, cmap="Blues", vmin=min(0.0, float(matrix.min())), vmax=1)
        labels = [shorten_label(text) for text in columns]
        axes.set_xticks(range(len(columns)), labels, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(rows)), [shorten_label(text) for text in rows], parse_math=False)
        if max(len(rows), len(columns)) <= MOST_NUMBERS:
            for row, values in enumerate(matrix):
                for column, value in enumerate(values):
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if value > 0.6 else "k")
        figure.colorbar(image, label=number)
