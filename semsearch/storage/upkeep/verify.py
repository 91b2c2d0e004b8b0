"""Compare every byte of a collection that can be compared, and say what is wrong and how to mend it.

The tables are read as they are, damage included; nothing is written. Each table compares itself (``Table.verify``);
the other checks are here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from semsearch.common.errors import NONSENSE, DamagedError, SemsearchError, StorageError
from semsearch.common.open_files import comes_of_too_many_files
from semsearch.common.unicode import one_line
from semsearch.storage.database.connection import connect
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.database.state import check_seal, read_state
from semsearch.storage.database.transaction import last_noted
from semsearch.storage.folder import DATABASE, exists, is_own, not_found_error, refuse_links
from semsearch.storage.settings import Definition
from semsearch.storage.tables import BLOCKS_OF, INDEXES_OF, SEGMENT_TABLES, tables_of
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.table import FindingKind, Inspection, TableFinding
from semsearch.storage.vectors.file import vector_file

__all__ = ["Finding", "Report", "verify_folder"]

BLOCK = 8192
"""Rows of the vector file that are read at a time."""
NAMED = 20
"""Findings of one check that are listed one by one; the others are only counted."""

MENDS = {
    FindingKind.DATABASE: "everything that is sound is copied into a new database",
    FindingKind.DOCUMENT: "put aside in a JSONL file in the collection's folder, to be indexed again from its source",
    FindingKind.PASSAGE: "split and encoded again from the document's text",
    FindingKind.VECTOR: "encoded again from its text",
    FindingKind.INDEX: "built again from the vectors",
    FindingKind.FILE: "removed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in which part, which one, what, and what ``--repair`` does about it."""

    part: str
    name: str
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was compared, and what was found; ``generation`` is the state that was looked at."""

    name: str
    generation: int
    documents: int
    passages: int
    rows: int
    files: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify_folder(folder: Path) -> Report:
    """Compare a collection's newest state with its checksums; raises only what is not damage.

    A writer may go on: if its commit has taken files away in the middle, the new state is looked at.
    """
    while True:
        try:
            with translate_errors(folder):
                refuse_links(folder)
            report = _verify_state(folder)
            if report.sound or _generation(folder) in (report.generation, None):
                return report
        except (StorageError, FileNotFoundError):
            if exists(folder):
                raise
            raise not_found_error(folder) from None  # it was dropped
        except DamagedError as error:  # it cannot even be opened
            finding = _finding(FindingKind.DATABASE, DATABASE, _problem(error))
            return Report(folder.name, -1, 0, 0, 0, len(list(folder.iterdir())), (finding,))


def _verify_state(folder: Path) -> Report:
    noted = last_noted(folder)
    with translate_errors(folder), closing(connect(folder / DATABASE)) as connection:
        connection.execute("BEGIN")
        findings = tuple(_inspect(connection, folder, noted))
        return Report(folder.name, *_counts(connection), len(list(folder.iterdir())), findings)


def _inspect(connection: sqlite3.Connection, folder: Path, noted: int) -> Iterator[Finding]:
    """The findings of all checks; those that need the state or the settings are left out where these are lost."""
    yield from _guard(partial(_check_pages, connection))
    yield from _guard(partial(_check_counts, connection, noted))
    try:
        definition = Definition.read(META.read(connection), folder)
        inspection = Inspection(connection, folder, read_state(connection), definition)
    except (sqlite3.DatabaseError, SemsearchError, *NONSENSE) as error:
        yield _finding(FindingKind.DATABASE, DATABASE, f"cannot be read: {_problem(error)}")
        return
    for table in tables_of(definition):
        yield from _guard(partial(table.verify, inspection))
    yield from _guard(partial(_check_rows, inspection))
    yield from _guard(partial(_check_orphans, inspection))


def _guard(check: Callable[[], Iterator[TableFinding]]) -> Iterator[Finding]:
    """The findings of a check; that it cannot go on is one, too."""
    number = 0
    part = FindingKind.DATABASE
    try:
        for part, name, problem in check():
            number += 1
            if number <= NAMED:
                yield _finding(part, name, problem)
    except (sqlite3.DatabaseError, SemsearchError, OSError, *NONSENSE) as error:
        if comes_of_too_many_files(error):
            raise
        yield _finding(FindingKind.DATABASE, DATABASE, f"cannot be read: {error}")
    if number > NAMED:
        yield _finding(part, f"{number - NAMED} more", "likewise")


def _finding(part: FindingKind, name: str, problem: str) -> Finding:
    return Finding(part.value, name, problem, MENDS[part])


def _problem(error: Exception) -> str:
    """What an error of ours says is wrong, without the advice to run what is running."""
    return str(error).split("; run", 1)[0]


def _counts(connection: sqlite3.Connection) -> tuple[int, int, int, int]:
    """Generation, documents, passages and rows as far as they can be told."""
    try:
        state = read_state(connection)
    except (DamagedError, sqlite3.DatabaseError, *NONSENSE):
        return -1, 0, 0, 0
    return state.generation, state.documents, state.passages, state.rows


def _generation(folder: Path) -> int | None:
    with translate_errors(folder), closing(connect(folder / DATABASE)) as connection:
        generation = _counts(connection)[0]
        return None if generation < 0 else generation


def _check_pages(connection: sqlite3.Connection) -> Iterator[TableFinding]:
    """SQLite's own check of its pages, and of its indexes against its tables."""
    for (message,) in connection.execute("PRAGMA integrity_check(20)"):
        if message != "ok":
            yield FindingKind.DATABASE, DATABASE, one_line(message)


def _check_counts(connection: sqlite3.Connection, noted: int) -> Iterator[TableFinding]:
    """The seal, the last commit, and that each row of the vector file is of a passage, or deleted."""
    try:
        check_seal(connection)
    except DamagedError as error:
        yield FindingKind.DATABASE, DATABASE, _problem(error).split(": ", 1)[-1]
    state = read_state(connection)
    if state.generation < noted:
        yield (
            FindingKind.DATABASE,
            DATABASE,
            f"commits {state.generation + 1} to {noted} are lost with the write-ahead log",
        )
    rows = "SELECT vector FROM passages UNION ALL SELECT vector FROM dead"
    counted = connection.execute(f"SELECT count(*), count(DISTINCT vector), max(vector) FROM ({rows})")  # noqa: S608
    count, distinct, last = counted.fetchone()
    if not count == distinct == state.rows or (state.rows and last != state.rows - 1):
        yield (
            FindingKind.DATABASE,
            DATABASE,
            f"{state.rows} rows are committed, but passages and deleted ones are {count}",
        )


def _check_rows(inspection: Inspection) -> Iterator[TableFinding]:
    """Checksums of all rows of the vector files."""
    state = inspection.state
    for kind in inspection.definition.dimensions:
        rows = BLOCKS_OF[kind].count(inspection.connection, state)
        file = vector_file(inspection.folder, state.epoch, inspection.definition, kind)
        here = min(rows, file.path.stat().st_size // file.stride if file.path.exists() else 0)
        if here < rows:
            yield FindingKind.VECTOR, f"{here}-{rows - 1}", f"{file.path.name} ends before them"
        stored = file.open(here)
        for first in range(0, here, BLOCK):
            for row in stored.find_damaged(np.arange(first, min(first + BLOCK, here), dtype=np.int64)).tolist():
                yield FindingKind.VECTOR, file.row_name(row), "does not match its checksum"


def _check_orphans(inspection: Inspection) -> Iterator[TableFinding]:
    """Files of ours that no record names: left by a crash, or by earlier states."""
    wanted = {row[3] for table in SEGMENT_TABLES for row in table.sealed_rows(inspection.connection)}
    for kind in inspection.definition.dimensions:
        wanted.add(kind.vector_path(inspection.folder, inspection.state.epoch).name)
        wanted |= {file for _, _, file, _ in INDEXES_OF[kind].sealed_rows(inspection.connection)}
    for entry in sorted(inspection.folder.iterdir()):
        if is_own(entry.name) and entry.name not in wanted:
            yield FindingKind.FILE, entry.name, "belongs to no committed state"
