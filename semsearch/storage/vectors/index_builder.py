"""The index of a collection: what the database says of it, and how the writer builds and renews it.

The index is derived: its files may be deleted at any time. It is renewed by whole parts (see
:mod:`semsearch.index.part`): new rows change the last part only, and until it is renewed they are the tail,
which is scanned exactly. It is planned anew when the collection has grown by half.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from semsearch.common.errors import InputError
from semsearch.index import (
    DEFAULT_TARGET,
    ApproximateIndex,
    Measured,
    Part,
    Plan,
    Point,
    Reach,
    Rows,
    Target,
    build_part,
    choose,
    is_current,
    tune,
)
from semsearch.storage.folder import PASSAGES, Matrix

__all__ = ["IndexBuilder", "IndexState", "PartRecord", "forget_index", "read_index_state", "write_index_state"]

TAIL_ROWS = 10_000
TAIL_SHARE = 0.01
"""The last part is renewed when the tail has more rows than this, and more than this share of all."""
WHOLE_TAIL_SHARE = 0.1
"""The same share for an index in one part, which must be built whole."""
REPLANNED = 1.5
"""Growth at which the kind of index is chosen anew, and with it every part is built anew."""
MEASURED_AGAIN = 1.25
"""Growth at which recall is measured anew."""
STALE = 1.5
"""Rows added or deleted, as a share of those that were measured, that make the figures doubtful."""
UNTUNED = Point(Reach(1), candidates=300)


@dataclass(frozen=True, slots=True)
class PartRecord:
    """An index file: it covers ``rows`` rows from ``first`` on, and its bytes have this checksum (index.digest)."""

    first: int
    rows: int
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class IndexState:
    """All that the database says of the index.

    ``factory`` is the user's own choice of an index, if there is one; ``plan`` is what was built when there
    were ``planned_rows`` rows.
    """

    parts: tuple[PartRecord, ...] = ()
    factory: str | None = None
    target: Target = DEFAULT_TARGET
    plan: Plan | None = None
    planned_rows: int = 0
    measured: Measured | None = None

    @property
    def covered(self) -> int:
        """Rows below this have an index."""
        return self.parts[-1].first + self.parts[-1].rows if self.parts else 0

    @property
    def point(self) -> Point:
        """How the index is searched."""
        return self.measured.point if self.measured else UNTUNED

    def stale(self, rows: int, dead: int) -> bool:
        """Whether the collection has grown or lost so much that the measured recall may be another."""
        return self.measured is not None and rows + dead > STALE * self.measured.rows


def read_index_state(connection: sqlite3.Connection, matrix: Matrix = PASSAGES) -> IndexState:
    """What the database says of the index."""
    table = matrix.indexes
    parts = connection.execute(f"SELECT first, rows, file, sha256 FROM {table} ORDER BY first")  # noqa: S608 - ours
    table = matrix.tuning
    values = connection.execute(f"SELECT key, value FROM {table}")  # noqa: S608 - a name of ours
    kept = {key: json.loads(value) for key, value in values}
    return IndexState(
        parts=tuple(PartRecord(*row) for row in parts),
        factory=kept.get("factory"),
        target=Target(**kept["target"]) if kept.get("target") else DEFAULT_TARGET,
        plan=Plan(**kept["plan"]) if kept.get("plan") else None,
        planned_rows=kept.get("planned_rows", 0),
        measured=Measured(**kept["measured"]) if kept.get("measured") else None,
    )


def write_index_state(connection: sqlite3.Connection, state: IndexState, matrix: Matrix = PASSAGES) -> None:
    """Replace what the database says of the index; the caller's transaction makes it count."""
    table = matrix.indexes
    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
    connection.executemany(
        f"INSERT INTO {table} (first, rows, file, sha256) VALUES (:first, :rows, :file, :sha256)",  # noqa: S608 - ours
        [asdict(part) for part in state.parts],
    )
    values: dict[str, Any] = {
        "factory": state.factory,
        "target": asdict(state.target),
        "plan": asdict(state.plan) if state.plan else None,
        "planned_rows": state.planned_rows,
        "measured": state.measured.to_json() if state.measured else None,
    }
    table = matrix.tuning
    rows = [(key, json.dumps(one)) for key, one in values.items()]
    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
    connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)  # noqa: S608 - likewise


def forget_index(connection: sqlite3.Connection, matrix: Matrix = PASSAGES) -> None:
    """Keep no more of the index than what the user wants of it."""
    for table, kept in ((matrix.indexes, ""), (matrix.tuning, " WHERE key NOT IN ('factory', 'target')")):
        connection.execute(f"DELETE FROM {table}" + kept)  # noqa: S608 - names and a condition of ours


class IndexBuilder:
    """Builds the parts that a collection needs; the writer commits the result."""

    def __init__(self, folder: Path, rows: Rows, name: Callable[[int], str], notify: Callable[[str], None]) -> None:
        self._folder = folder
        self._rows = rows
        self._name = name
        self._notify = notify

    def renewed(self, state: IndexState, anew: bool = False) -> IndexState:
        """The state after whatever building is due; the same object if none is. ``anew`` builds everything."""
        sound = [] if anew else [record for record, _ in self._sound(state.parts)]
        if not anew and len(sound) == len(state.parts) and not self._is_due(state):
            return state
        if len(sound) < len(state.parts) and not anew:
            self._notify("an index file is damaged or missing: rebuilding it")
        plan, planned_rows = self._plan(state, anew)
        wanted = replace(state, plan=plan, planned_rows=planned_rows)
        same = (plan, planned_rows) == (state.plan, state.planned_rows)
        return self._with_parts(wanted, sound if same else [], again=not same)

    def _with_parts(self, state: IndexState, sound: list[PartRecord], again: bool) -> IndexState:
        """The parts of the state's plan, or of a finer one if that does not reach the recall that is wanted."""
        if state.plan is None:
            return replace(state, parts=(), measured=None)
        try:
            parts = self._built(state.plan, sound)
        except InputError as error:
            if len(self._rows) > TAIL_ROWS:
                raise
            self._notify(f"no index yet, too few rows to train it: {error}")
            return replace(state, plan=None, parts=(), measured=None)
        found = self.tuned(replace(state, parts=parts), again)
        if state.plan.level is None or not found.measured or found.measured.recall >= (state.target.recall or 0):
            return found
        self._notify(f"recall@10 of {found.measured.recall:.3f} is less than wanted: building a finer index")
        return self._with_parts(replace(state, plan=choose(self._rows, state.plan.level + 1)), [], again=True)

    def tuned(self, state: IndexState, again: bool) -> IndexState:
        """The state with an operating point, measured if there is none, if it is due or asked for."""
        measured = state.measured
        if measured and not again and state.covered <= MEASURED_AGAIN * measured.rows:
            return state
        index = ApproximateIndex([part for _, part in self._sound(state.parts)], self._rows.metric)
        if index.covered < 2:  # nobody has a neighbour
            return replace(state, measured=None)
        return replace(state, measured=tune(self._rows, index, state.target))

    def _is_due(self, state: IndexState) -> bool:
        """Whether the tail is long, or another kind of index is wanted."""
        rows = len(self._rows)
        built = state.plan.factory if state.plan and state.plan.level is None else None
        if built != state.factory:
            return rows > 0
        whole = state.plan is not None and state.plan.part_rows is None
        tail = rows - (state.covered or state.planned_rows)
        return tail > max(TAIL_ROWS, rows * (WHOLE_TAIL_SHARE if whole else TAIL_SHARE))

    def _plan(self, state: IndexState, anew: bool) -> tuple[Plan | None, int]:
        rows = len(self._rows)
        if rows == 0:
            return None, 0
        if state.factory is not None:
            return Plan(state.factory), rows
        kept = not anew and rows <= REPLANNED * state.planned_rows
        if kept and state.plan and is_current(state.plan, self._rows):
            return state.plan, state.planned_rows
        return choose(self._rows), rows

    def _sound(self, records: Iterable[PartRecord]) -> list[tuple[PartRecord, Part]]:
        """The parts up to the first whose file is not what was written."""
        found = []
        for record in records:
            part = Part.read(self._folder / record.file, record.sha256, record.first)
            if part is None:
                break
            found.append((record, part))
        return found

    def _built(self, plan: Plan, sound: list[PartRecord]) -> tuple[PartRecord, ...]:
        """All parts: those that are sound and full, and from the first other one on new ones."""
        kept = [part for part in sound if part.rows == plan.part_rows]
        start = kept[-1].first + kept[-1].rows if kept else 0
        if len(self._rows) - start > TAIL_ROWS:
            self._notify(f"building the index ({plan.factory}) of {len(self._rows) - start:,} rows")
        for first, stop in plan.spans(start, len(self._rows)):
            file = self._name(first)
            sha256 = build_part(self._rows, plan, first, stop).write(self._folder / file)
            kept.append(PartRecord(first, stop - first, file, sha256))
        return tuple(kept)
