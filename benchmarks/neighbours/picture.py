"""The benchmark ``neighbours`` as a picture: speed against recall, and what an index costs.

The same figures give the same file, byte for byte: no date, no program's version, no random ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

INCHES = (9, 6.6)
LOOKS = {
    "semsearch": ("#D55E00", "o"),
    "faiss-hnsw": ("#0072B2", "s"),
    "hnswlib": ("#009E73", "^"),
    "usearch": ("#CC79A7", "D"),
}
"""Colours that differ for every kind of colour vision (Okabe and Ito 2008), and markers that do without them."""
RECALLS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999)
RESOLUTION = 1e-4
"""One of the ten thousand neighbours that are asked for; a share of misses below has no place on the axis."""
SPEEDS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "one query at a time": lambda point: 1000 / point["p50_ms"],
    "in a batch of 1,000": lambda point: point["batch_per_second"],
}
COSTS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "build, s": lambda row: row["build_seconds"],
    "own memory, MB": lambda row: row.get("private_mb_searched", row["private_mb"]),
}
STYLE = {"svg.hashsalt": "semsearch", "svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"], "font.size": 9.5}
"""Text stays text, which makes the file smaller and can be searched."""


def draw(path: Path, title: str, contestants: Mapping[str, Mapping[str, Any]]) -> None:
    """Write an SVG: queries a second against recall@10, and build seconds and memory of each contestant."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=INCHES, layout="constrained")
        (left, right), below = figure.subplots(2, 2, height_ratios=(3, 1), sharey="row")
        for axes, (name, speed) in zip((left, right), SPEEDS.items(), strict=True):
            _speeds(axes, name, speed, contestants)
        left.set_ylabel("queries/s")
        for axes, (name, cost) in zip(below, COSTS.items(), strict=True):
            _costs(axes, name, cost, contestants)
        figure.suptitle(title)
        left.legend(loc="lower left")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _speeds(
    axes: Axes, name: str, speed: Callable[[Mapping[str, Any]], float], contestants: Mapping[str, Mapping[str, Any]]
) -> None:
    """Every point of every contestant, and a line through those that no other of its own surpasses."""
    for contestant, row in contestants.items():
        colour, marker = LOOKS[contestant]
        points = [(max(1 - point["recall"], RESOLUTION), speed(point)) for point in row["points"]]
        front = _front(points)
        axes.plot(*zip(*front, strict=True), color=colour, marker=marker, markersize=5, label=contestant)
        for point in points:
            if point not in front:
                axes.plot(*point, color=colour, marker=marker, markersize=5, alpha=0.4)
    axes.set(xscale="log", yscale="log", title=name, xlabel="recall@10")
    axes.invert_xaxis()
    axes.xaxis.set_major_locator(FixedLocator([1 - recall for recall in RECALLS]))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{recall:g}" for recall in RECALLS]))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def _front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, fewest misses first, that are faster than all with fewer misses."""
    front: list[tuple[float, float]] = []
    for misses, speed in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or speed > front[-1][1]:
            front.append((misses, speed))
    return front


def _costs(
    axes: Axes, name: str, cost: Callable[[Mapping[str, Any]], float], contestants: Mapping[str, Mapping[str, Any]]
) -> None:
    names = list(contestants)
    bars = axes.barh(names, [cost(contestants[one]) for one in names], color=[LOOKS[one][0] for one in names])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(title=name)
    axes.margins(x=0.12)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
