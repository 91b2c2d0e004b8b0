"""Vectors with names as points: close points are names that are alike.

Vectors of two or three numbers are drawn as they are; of longer ones their two principal components, which lose the
least of the distances (Pearson 1901).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.plot.picture import drawing, shorten_label

__all__ = ["flatten", "points"]

SIZE = (8.0, 7.0)
Arrow = tuple[int, int]
"""Numbers of the points where an arrow begins and ends."""


def flatten(vectors: Float32, axis_names: Sequence[str] = ()) -> tuple[Float32, Sequence[str]]:
    """Vectors, float32[n, d], as points, float32[n, 2 or 3], and what each axis is."""
    if vectors.shape[1] in (2, 3):
        return vectors, axis_names or [f"number {axis}" for axis in range(1, vectors.shape[1] + 1)]
    centred = vectors - vectors.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(vectors), 2), np.float32)
    used = min(2, len(axes))
    flat[:, :used] = centred @ axes[:used].T
    total = float(np.square(spread).sum()) or 1.0
    shares = [*(np.square(spread[:used]) / total), 0.0, 0.0][:2]
    return flat, [f"principal component {axis} ({share:.0%})" for axis, share in enumerate(shares, 1)]


def points(
    path: Path,
    vectors: Float32,
    names: Sequence[str],
    *,
    title: str,
    marked: int = 0,
    arrows: Sequence[Arrow] = (),
    axis_names: Sequence[str] = (),
) -> None:
    """Draw float32[n, d] with names, the first ``marked`` ones in another colour, as PNG or SVG by ``path``'s name."""
    places, axis_names = flatten(vectors, axis_names)
    description = f"{len(names)} points, close where they are alike: {', '.join(map(shorten_label, names))}."
    with drawing(path, SIZE, title, description) as figure:
        solid = places.shape[1] == 3
        axes = figure.add_subplot(projection="3d" if solid else None)
        colours = ["C1"] * marked + ["C0"] * (len(names) - marked)
        axes.scatter(*places.T, c=colours)
        for name, place in zip(names, places, strict=True):
            axes.text(*place.tolist(), f" {shorten_label(name)}", parse_math=False)
        for begin, end in arrows:
            _draw_arrow(axes, places[begin], places[end], solid)
        axes.set_xlabel(axis_names[0])
        axes.set_ylabel(axis_names[1])
        if solid:
            axes.set_zlabel(axis_names[2])
        else:
            axes.margins(0.15)
            axes.grid(alpha=0.3)


def _draw_arrow(axes: Any, begin: Float32, end: Float32, solid: bool) -> None:
    if solid:
        axes.quiver(*begin, *(end - begin), color="C3", arrow_length_ratio=0.08)
    else:
        axes.annotate("", xy=end.tolist(), xytext=begin.tolist(), arrowprops={"arrowstyle": "->", "color": "C3"})
