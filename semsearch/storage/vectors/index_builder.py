"""How the writer builds and renews the index of a collection.

The index is derived: its files may be deleted at any time. It is renewed by whole parts (see
:mod:`semsearch.index.part`): new rows change the last part only, and until it is renewed they are the tail,
which is scanned exactly. It is planned anew when the collection has grown by half.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from semsearch.common.errors import InputError
from semsearch.common.forks import in_new_thread
from semsearch.index import ApproximateIndex, Part, Plan, Rows, build_part, choose, is_current, tune
from semsearch.storage.tables.indexes import IndexFile
from semsearch.storage.vectors.index_state import IndexState

__all__ = ["IndexBuilder"]

logger = logging.getLogger(__name__)

TAIL_ROWS = 10_000
TAIL_SHARE = 0.01
"""The last part is renewed when the tail has more rows than this, and more than this share of all."""
WHOLE_TAIL_SHARE = 0.1
"""The same share for an index in one part, which must be built whole."""
REPLANNED = 1.5
"""Growth at which the kind of index is chosen anew, and with it every part is built anew."""
MEASURED_AGAIN = 1.25
"""Growth at which recall is measured anew."""


class IndexBuilder:
    """Builds the parts that a collection needs; the writer commits the result."""

    def __init__(self, folder: Path, rows: Rows, file_name: Callable[[int], str]) -> None:
        """``file_name`` gives the name of the file of the part that begins at a row."""
        self._folder = folder
        self._rows = rows
        self._file_name = file_name

    def renew(self, state: IndexState, anew: bool = False) -> IndexState:
        """The state after whatever building is due; the same object if none is. ``anew`` builds everything."""
        return in_new_thread(partial(self._renew, state, anew))

    def tune(self, state: IndexState, again: bool) -> IndexState:
        """The state with an operating point, measured if there is none, if it is due or asked for."""
        return in_new_thread(partial(self._tune, state, again))

    def _renew(self, state: IndexState, anew: bool) -> IndexState:
        sound = [] if anew else [file for file, _ in self._read_sound(state.files)]
        if not anew and len(sound) == len(state.files) and not self._is_due(state):
            return state
        if len(sound) < len(state.files) and not anew:
            logger.info("an index file is damaged or missing: rebuilding it")
        plan, planned_rows = self._choose_plan(state, anew)
        wanted = replace(state, plan=plan, planned_rows=planned_rows)
        same = (plan, planned_rows) == (state.plan, state.planned_rows)
        return self._build(wanted, sound if same else [], again=not same)

    def _build(self, state: IndexState, sound: list[IndexFile], again: bool) -> IndexState:
        """The parts of the state's plan, or of a finer one if that does not reach the recall that is wanted."""
        if state.plan is None:
            return replace(state, files=(), measured=None)
        try:
            files = self._build_parts(state.plan, sound)
        except InputError as error:
            if len(self._rows) > TAIL_ROWS:
                raise
            logger.info("no index yet, too few rows to train it: %s", error)
            return replace(state, plan=None, files=(), measured=None)
        built = self._tune(replace(state, files=files), again)
        if state.plan.level is None or not built.measured or built.measured.recall >= (state.target.recall or 0):
            return built
        logger.info("recall@10 of %.3f is less than wanted: building a finer index", built.measured.recall)
        return self._build(replace(state, plan=choose(self._rows, state.plan.level + 1)), [], again=True)

    def _tune(self, state: IndexState, again: bool) -> IndexState:
        measured = state.measured
        if measured and not again and state.covered <= MEASURED_AGAIN * measured.rows:
            return state
        index = ApproximateIndex([part for _, part in self._read_sound(state.files)], self._rows.metric)
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

    def _choose_plan(self, state: IndexState, anew: bool) -> tuple[Plan | None, int]:
        rows = len(self._rows)
        if rows == 0:
            return None, 0
        if state.factory is not None:
            return Plan(state.factory), rows
        kept = not anew and rows <= REPLANNED * state.planned_rows
        if kept and state.plan and is_current(state.plan, self._rows):
            return state.plan, state.planned_rows
        return choose(self._rows), rows

    def _read_sound(self, files: Iterable[IndexFile]) -> list[tuple[IndexFile, Part]]:
        """The parts up to the first whose file is not what was written."""
        parts = []
        for file in files:
            part = Part.read(self._folder / file.file, file.sha256, file.first)
            if part is None:
                break
            parts.append((file, part))
        return parts

    def _build_parts(self, plan: Plan, sound: list[IndexFile]) -> tuple[IndexFile, ...]:
        """All parts: those that are sound and full, and from the first other one on new ones."""
        files = [file for file in sound if file.rows == plan.part_rows]
        start = files[-1].first + files[-1].rows if files else 0
        if len(self._rows) - start > TAIL_ROWS:
            logger.info("building the index (%s) of %s rows", plan.factory, f"{len(self._rows) - start:,}")
        for first, end in plan.spans(start, len(self._rows)):
            name = self._file_name(first)
            sha256 = build_part(self._rows, plan, first, end).write(self._folder / name)
            files.append(IndexFile(first, end - first, name, sha256))
        return tuple(files)
