"""Numbers by layer as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from semsearch.plot.picture import drawing, shorten_label

__all__ = ["curves"]

SIZE = (8.0, 5.0)


def curves(path: Path, by_layer: Mapping[str, Sequence[float]], *, title: str, number: str) -> None:
    """Draw a line a name, whose first number is that of layer 0, as PNG or SVG by the name of ``path``."""
    layers = len(next(iter(by_layer.values())))
    description = f"The {number} by layer, from 0 to {layers - 1}, of: {', '.join(by_layer)}."
    with drawing(path, SIZE, title, description) as figure:
        axes = figure.add_subplot()
        for name, numbers in by_layer.items():
            axes.plot(range(layers), numbers, marker="o", label=shorten_label(name))
        axes.set_xticks(range(layers))
        axes.set_xlabel("layer; 0 is the input")
        axes.set_ylabel(number)
        axes.grid(alpha=0.3)
        legend = axes.legend()
        for text in legend.get_texts():
            text.set_parse_math(False)
