"""What is told of the benchmarks ``neighbours`` and ``growth``: tables, and a picture a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.neighbours.neighbours import RECALLS
from benchmarks.reporting.tables import table

__all__ = ["growth", "neighbours"]

DOCS = Path(__file__).parents[2] / "docs"
TOLD = 0.99
"""The recall of which all rounds are told."""
TITLES = {"sentences": "Sentences", "glove": "GloVe"}


def neighbours(figures: dict[str, Any]) -> str:
    text = (
        "recall@10 of 1,000 held-out queries, one query at a time (all cores may answer it) and in one batch; a row "
        "that scores as\nhigh as the tenth true neighbour is right. For each contestant and recall the fastest points "
        "that reach it, of single\nqueries and of batches. A picture has all points; those that another one of the "
        "same contestant surpasses are pale.\n\n"
        f"{_points(figures['sentences']['contestants'])}\n\n"
    )
    text += "".join(_dataset(name, figures[name]) for name in TITLES if name in figures)
    exact = figures["sentences"]["contestants"]["semsearch"]["exact"]
    read = figures["sentences"]["count"] * (2 * figures["sentences"]["dimension"] + 4) / exact["p50_ms"] / 1e6
    return text + (
        f"An exact scan takes a query {exact['p50_ms']:.1f} ms: {read:.1f} GB/s, {read / figures['bandwidth_gb']:.0%} "
        f"of the {figures['bandwidth_gb']} GB/s that the cores\nread from memory in the same run. In a batch: "
        f"{exact['batch_per_second']:,} queries/s.\n"
    )


def _points(contestants: dict[str, Any]) -> str:
    ours, *others = (len(row["points"]) for row in contestants.values())
    return (
        f"Ours was asked at {ours} points, the others at {max(others, default=0)} each. As the fastest of many points "
        "of one minute flatters, the\nfastest of ours were asked again, once after each of the others; the table has "
        "the medians of these times."
    )


def _dataset(name: str, part: dict[str, Any]) -> str:
    from benchmarks.neighbours.picture import draw  # matplotlib has no place in a process that is measured

    title = f"{TITLES[name]}, {part['count']:,} x {part['dimension']}"
    picture = f"neighbours-{name}.svg"
    draw(DOCS / picture, title, part["contestants"])
    head = f"**{title}**\n\n![Speed, recall, build and memory: {title}]({picture})\n\n"
    return head + f"{_contest(part['contestants'])}\n{_rounds(part['contestants']['semsearch'])}\n"


def _rounds(ours: dict[str, Any]) -> str:
    """How much the times of one point differ within the run."""
    good = [point for point in ours["points"] if "rounds" in point and point["recall"] >= TOLD]
    single = min(good, key=lambda one: one["p50_ms"])["rounds"]["p50_ms"]
    batch = max(good, key=lambda one: one["batch_per_second"])["rounds"]["batch_per_second"]
    times = ", ".join(f"{ms:.2f}" for ms in single)
    speeds = ", ".join(f"{qps:,}" for qps in batch)
    return (
        f"Of one and the same point of ours, the one at ≥ {TOLD}: p50 of {times} ms in four rounds of the run, the "
        f"first\nbeing the one that chose it, and {speeds} queries/s.\n"
    )


def _contest(contestants: dict[str, Any]) -> str:
    rows = []
    for least in RECALLS:
        for name, row in contestants.items():
            timed = [point for point in row["points"] if "rounds" in point] or row["points"]
            good = [point for point in timed if point["recall"] >= least]
            if good:
                single = min(good, key=lambda one: one["p50_ms"])
                batch = max(good, key=lambda one: one["batch_per_second"])
                memory = row.get("private_mb_searched", row["private_mb"])
                rows.append(
                    [
                        f"≥ {least}",
                        name,
                        f"{single['p50_ms']:.2f}",
                        f"{single['p95_ms']:.2f}",
                        single["recall"],
                        f"{batch['batch_per_second']:,}",
                        batch["recall"],
                        f"{row['build_seconds']:.0f}",
                        f"{memory:,.0f}",
                    ]
                )
    single_head, batch_head = ["p50, ms", "p95, ms", "reached"], ["batch, queries/s", "reached"]
    head = ["recall@10", "", *single_head, *batch_head, "build, s", "own memory, MB"]
    return table(head, rows)


def growth(figures: dict[str, Any]) -> str:
    text = (
        "Our index alone over the first rows of the same sentences, tuned to a recall of 0.99, of ten million rows to "
        f"0.95; the table\nhas the recall of held-out queries. Rows beyond the million are its rows with noise of "
        f"{figures['noise']} in each number. The process\nwhose peak is told writes the rows and builds the index; "
        "pages of mapped files are the system's to take back. To open is\nto read and check the index's files; own "
        "memory is what that takes.\n\n"
    )
    build = ["build, s", "build, µs a row", "its peak of own memory, MB", "with mapped files, MB"]
    opened = ["index, bytes a row", "open, ms", "own memory, MB"]
    asked = ["recall@10", "p50, ms", "ns a row", "batch, queries/s"]
    rows = [_grown(int(count), row) for count, row in figures["rows"].items()]
    return text + table(["rows", "index", *build, *opened, *asked], rows)


def _grown(count: int, row: dict[str, Any]) -> list[Any]:
    (point,) = row["points"]
    return [
        f"{count:,}",
        row["factory"],
        f"{row['build_seconds']:.1f}",
        f"{1e6 * row['build_seconds'] / count:.1f}",
        f"{row['build_own_peak_mb']:,}",
        f"{row['build_peak_mb']:,}",
        f"{row['index_bytes'] / count:.0f}",
        f"{row['open_ms']:.0f}",
        f"{row['private_mb']:.0f}",
        point["recall"],
        f"{point['p50_ms']:.2f}",
        f"{1e6 * point['p50_ms'] / count:.1f}",
        f"{point['batch_per_second']:,}",
    ]
