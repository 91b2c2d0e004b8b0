"""The tables of what a collection survives."""

from __future__ import annotations

from typing import Any

from benchmarks.reporting.tables import table

__all__ = ["durability"]


def durability(figures: dict[str, Any]) -> str:
    """Everything that was tried, a table each, with what it was."""
    return "\n".join([*_deaths(figures), *_failures(figures), *_strange_files(figures), *_crowd(figures)])


def _deaths(figures: dict[str, Any]) -> list[str]:
    return [
        "A writer adds, updates, deletes, compacts and builds an index, and is killed with SIGKILL; another "
        "process must\nfind exactly the last committed state, and go on writing.\n",
        table(
            ["killed", "tried", "survived"],
            [[name, row["killed"], row["survived"]] for name, row in figures["kills"].items()],
        ),
    ]


def _failures(figures: dict[str, Any]) -> list[str]:
    return [
        "The n-th write, fsync, change of a name, opening or allocation fails, once and from then on, in index, "
        "compact,\nre-encode, repair and import: a committed state is there, and the same operation succeeds when "
        "nothing fails.\n",
        table(["what fails", "tried", "ended with an error", "survived"], _rows(figures["failures"])),
        "A process is held before a durable step while another searches, verifies, exports or writes: each finds one "
        "state\nor is refused, and what both have done is there.\n",
        table(["held in", "tried", "right"], _rows(figures["races"])),
    ]


def _strange_files(figures: dict[str, Any]) -> list[str]:
    mutations = figures["mutations"]
    damage = [
        [name, *(row[key] for key in ("tried", "reported", "harmless", "found_by_verify", "mended", "put_aside"))]
        for name, row in figures["damage"].items()
    ]
    return [
        "Random damage to all files of a collection: an error or a warning, or the same results; nothing else.\n",
        table(["damage", "tried", "reported", "harmless", "found by `verify`", "mended", "document put aside"], damage),
        "Files of another collection of the same shape in the place of a collection's own.\n",
        table(
            ["collection of", "swaps tried", "found by `verify`", "other answers unnoticed"], _rows(figures["swaps"])
        ),
        table(
            ["", "tried", "as it must be"],
            [
                ["searches in children that are forked while threads search", *figures["forks"].values()],
                [
                    "documents, tables, vectors and archives changed at random: read, or refused in one line",
                    mutations["tried"],
                    mutations["tried"] - mutations["other_errors"],
                ],
            ],
        ),
    ]


def _crowd(figures: dict[str, Any]) -> list[str]:
    crowd, commits = figures["crowd"], figures["commits"]
    cost = commits["none"]["commits_per_second"] / commits["full"]["commits_per_second"]
    return [
        table(
            ["readers and a writer", ""],
            [
                ["reader processes x seconds", f"{crowd['readers']} x {crowd['seconds']}"],
                ["queries", f"{crowd['queries']:,}"],
                ["commits meanwhile", f"{crowd['commits']:,}"],
                ["errors, mixed or outdated results", crowd["errors"]],
            ],
        ),
        table(
            ["adding one document", "commits/s", "median ms"],
            [
                ["full durability", *commits["full"].values()],
                ["no fsync at all", *commits["none"].values()],
                ["cost of durability", f"{cost:.1f} x", ""],
            ],
        ),
    ]


def _rows(figures: dict[str, dict[str, int]]) -> list[list[Any]]:
    return [[name, *row.values()] for name, row in figures.items()]
