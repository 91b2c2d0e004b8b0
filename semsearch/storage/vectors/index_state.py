"""What the database says of the index over a kind of vectors."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from semsearch.common.errors import NONSENSE
from semsearch.index import DEFAULT_TARGET, Background, Measured, Plan, Point, Reach, Target
from semsearch.storage.tables import INDEXES_OF, TUNING_OF
from semsearch.storage.tables.indexes import IndexFile
from semsearch.storage.vectors.kinds import VectorKind

__all__ = ["IndexState", "read_index_state", "salvage_choice", "write_index_state"]

STALE = 1.5
"""Growth or loss of rows since something was measured that makes the figures doubtful."""
UNTUNED = Point(Reach(1), candidates=300)


@dataclass(frozen=True, slots=True)
class IndexState:
    """All that the database says of an index.

    ``factory`` is the user's own choice of an index, if there is one; ``plan`` is what was built when there
    were ``planned_rows`` rows. ``background`` says how scores stand among the rows.
    """

    files: tuple[IndexFile, ...] = ()
    factory: str | None = None
    target: Target = DEFAULT_TARGET
    plan: Plan | None = None
    planned_rows: int = 0
    measured: Measured | None = None
    background: Background | None = None

    @property
    def covered(self) -> int:
        """Rows below this have an index."""
        return self.files[-1].first + self.files[-1].rows if self.files else 0

    @property
    def point(self) -> Point:
        """How the index is searched."""
        return self.measured.point if self.measured else UNTUNED

    def is_stale(self, rows: int, dead: int) -> bool:
        """Whether the collection has grown or lost so much that the measured recall may be another."""
        return self.measured is not None and rows + dead > STALE * self.measured.rows

    def lacks_background(self, rows: int, passages: int) -> bool:
        """Whether it is not known how scores stand among so many passages, of which there are two at least.

        ``rows`` is how many the vector file has: what was replaced has left rows behind.
        """
        known = self.background
        if passages < 2 or known is None:
            return passages > 1
        is_other = abs(rows - known.file_rows) > (STALE - 1) * known.rows
        return is_other or not known.rows / STALE <= passages <= known.rows * STALE


def read_index_state(connection: sqlite3.Connection, kind: VectorKind) -> IndexState:
    """What the database says of the index."""
    kept = TUNING_OF[kind].read(connection)
    return IndexState(
        files=INDEXES_OF[kind].read(connection),
        factory=kept.get("factory"),
        target=Target(**kept["target"]) if kept.get("target") else DEFAULT_TARGET,
        plan=Plan(**kept["plan"]) if kept.get("plan") else None,
        planned_rows=kept.get("planned_rows", 0),
        measured=Measured(**kept["measured"]) if kept.get("measured") else None,
        background=Background.from_json(kept["background"]) if kept.get("background") else None,
    )


def write_index_state(connection: sqlite3.Connection, state: IndexState, kind: VectorKind) -> None:
    """Replace what the database says of the index; the caller's transaction makes it count."""
    INDEXES_OF[kind].replace(connection, state.files)
    values: dict[str, Any] = {
        "factory": state.factory,
        "target": asdict(state.target),
        "plan": asdict(state.plan) if state.plan else None,
        "planned_rows": state.planned_rows,
        "measured": state.measured.to_json() if state.measured else None,
        "background": state.background.to_json() if state.background else None,
    }
    TUNING_OF[kind].replace(connection, values)


def salvage_choice(kept: Mapping[str, Any]) -> IndexState:
    """What the user wants of the index, and how scores stand, from what could be read of a damaged table."""
    factory = kept.get("factory")
    choice = IndexState(factory=factory if isinstance(factory, str) else None)
    with suppress(*NONSENSE):
        choice = replace(choice, target=Target(**kept["target"]))
    with suppress(*NONSENSE):
        choice = replace(choice, background=Background.from_json(kept["background"]))
    return choice
