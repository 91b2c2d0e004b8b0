"""The table ``readings``: what the encoder has read for each row, so that nothing is encoded twice.

A row of a passage that was deleted can still be read until a compaction, and so can what is known of it here. An
append has one entry, packed: for each of its rows 16 bytes of a SHA-256 of what was read, then how many tokens of it
are not in the vector and how many of those that are the model does not know, two uint32, little-endian.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from semsearch.storage.tables.table import Addition, FindingKind, Inspection, Table, TableFinding

__all__ = ["READINGS", "KnownReadings", "Reading", "pack_readings"]

ENTRY = np.dtype([("head", "<u8"), ("tail", "<u8"), ("cut", "<u4"), ("unknown", "<u4")])
"""``head`` and ``tail`` are the halves of the digest."""
NOTED_ROWS = 1 << 16
"""Rows that are put into one row of the table, where there are many: 1.5 MB."""
MOST_RUNS = 16
"""Sorted arrays that are searched one after the other, before they are merged into one."""

Entries = npt.NDArray[Any]


class Run(NamedTuple):
    """Entries and the rows that they are of."""

    entries: Entries
    rows: npt.NDArray[np.int64]


class Reading(NamedTuple):
    """A row whose vector is that of a text, the text's tokens that are not in it, and those that are not known."""

    row: int
    cut: int
    unknown: int


class Readings(Table):
    """One row an append of passages."""

    name = "readings"
    ddl = """
CREATE TABLE readings (            -- what the encoder has read for the rows of each append
    first   INTEGER PRIMARY KEY,
    content BLOB NOT NULL,         -- see storage/tables/readings.py
    crc     INTEGER NOT NULL       -- of the two above
);
"""

    def insert(self, connection: sqlite3.Connection, addition: Addition) -> None:
        """Note what was read for the passages of a commit."""
        digests = [digest for prepared in addition.documents for digest in prepared.digests()]
        if digests:
            self.note(connection, addition.first_row, pack_readings(digests, addition.cut, addition.unknown))

    def note(self, connection: sqlite3.Connection, first: int, content: bytes) -> None:
        """Note what was read for rows from ``first`` on; the caller's transaction makes it count."""
        crc = _entry_crc(first, content)
        connection.execute("INSERT OR REPLACE INTO readings VALUES (?,?,?)", (first, content, crc))

    def note_all(self, connection: sqlite3.Connection, entries: Entries) -> None:
        """Fill the empty table with an entry for each row from the first on."""
        for first in range(0, len(entries), NOTED_ROWS):
            self.note(connection, first, entries[first : first + NOTED_ROWS].tobytes())

    def renumber(self, connection: sqlite3.Connection, folder: Path) -> None:  # noqa: ARG002 - a hook
        """Keep what is known of the rows of passages, which are numbered anew after this."""
        live = np.array([row for (row,) in connection.execute("SELECT vector FROM passages ORDER BY vector")], np.int64)
        entries = self._read_by_row(connection, int(live.max(initial=-1)) + 1)[live]
        connection.execute("DELETE FROM readings")
        self.note_all(connection, entries)

    def read(self, connection: sqlite3.Connection, first: int = 0) -> Iterator[tuple[int, Entries]]:
        """First row and entries of the appends from row ``first`` on; damaged ones are passed over."""
        query = "SELECT first, content, crc FROM readings WHERE first >= ? ORDER BY first"
        for row, content, crc in connection.execute(query, (first,)):
            if _is_sound(row, content, crc):
                yield row, np.frombuffer(content, ENTRY)

    def verify(self, inspection: Inspection) -> Iterator[TableFinding]:
        """Checksums, and that there is an entry for each committed row."""
        expected = 0
        for first, content, crc in inspection.connection.execute("SELECT first, content, crc FROM readings"):
            if first != expected or not _is_sound(first, content, crc):
                yield FindingKind.DATABASE, self.name, f"the entry of row {first} does not match its checksum"
                return
            expected += len(content) // ENTRY.itemsize
        if expected != inspection.state.rows:
            yield FindingKind.DATABASE, self.name, f"entries of {expected} rows are there, not {inspection.state.rows}"

    def _read_by_row(self, connection: sqlite3.Connection, rows: int) -> Entries:
        """An entry for each of the first ``rows`` rows, zeros where there is none: no digest is zero."""
        entries = np.zeros(rows, ENTRY)
        for first, part in self.read(connection):
            there = part[: max(rows - first, 0)]
            entries[first : first + len(there)] = there
        return entries


class KnownReadings:
    """Finds the rows whose vectors are those of texts, as far as commits of the connection have added them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._loaded = 0
        self._runs: list[Run] = []
        self._unsorted: Run | None = None

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """What is known of those of the texts that have been read before."""
        self._load_new()
        wanted = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
        found: dict[bytes, Reading] = {}
        for run, places in self._find_places(wanted):
            for number, place in places:
                entry = run.entries[place]
                found[digests[number]] = Reading(int(run.rows[place]), int(entry["cut"]), int(entry["unknown"]))
        return found

    def _find_places(self, wanted: npt.NDArray[Any]) -> Iterator[tuple[Run, list[tuple[int, int]]]]:
        """In each run the numbers of the digests that it has, and where it has them."""
        for run in self._runs:
            yield run, _look_up(run.entries, wanted)
        if self._unsorted:
            yield self._unsorted, _scan(self._unsorted.entries, wanted)

    def _load_new(self) -> None:
        """Read what has been committed since; it is sorted when it is asked a second time: one question is a scan."""
        if self._unsorted:
            self._runs.append(_merge([self._unsorted]))
            self._unsorted = None
        if len(self._runs) > MOST_RUNS:
            self._runs.append(_merge(self._runs))
        fresh = [Run(entries, np.arange(first, first + len(entries))) for first, entries in self._read_new()]
        if fresh:
            self._unsorted = _join(fresh)
            self._loaded = int(self._unsorted.rows[-1]) + 1

    def _read_new(self) -> Iterator[tuple[int, Entries]]:
        return READINGS.read(self._connection, self._loaded)


def pack_readings(digests: Iterable[bytes], cut: Sequence[int] | Any, unknown: Sequence[int] | Any) -> bytes:
    """Entries of rows as the module's first lines say."""
    halves = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
    entries = np.zeros(len(halves), ENTRY)
    entries["head"], entries["tail"], entries["cut"], entries["unknown"] = halves[:, 0], halves[:, 1], cut, unknown
    return entries.tobytes()


def _join(runs: Sequence[Run]) -> Run:
    entries, rows = zip(*runs, strict=True)
    return Run(np.concatenate(entries), np.concatenate(rows))


def _merge(runs: list[Run]) -> Run:
    """All entries by their digests, the first of equal ones alone: rows of one text have one vector.

    The list is empty then: of a million rows each copy takes 32 MB, and there are never more than two.
    """
    order = _find_order([run.entries for run in runs])
    entries, rows = _join(runs)
    runs.clear()
    return Run(entries[order], rows[order])


def _find_order(parts: Sequence[Entries]) -> npt.NDArray[np.int64]:
    """Places of entries by their digests, without those that are zero or like one before."""
    heads, tails = (np.concatenate([part[half] for part in parts]) for half in ("head", "tail"))
    order = np.lexsort((tails, heads))
    fresh = (heads != 0) | (tails != 0)
    fresh = fresh[order]
    heads, tails = heads[order], tails[order]
    fresh[1:] &= (heads[1:] != heads[:-1]) | (tails[1:] != tails[:-1])
    return np.asarray(order[fresh], np.int64)


def _look_up(entries: Entries, wanted: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Numbers of digests and their places in sorted entries."""
    places = np.searchsorted(entries["head"], wanted[:, 0])
    numbers = np.flatnonzero(places < len(entries))
    there = entries[places[numbers]]
    numbers = numbers[(there["head"] == wanted[numbers, 0]) & (there["tail"] == wanted[numbers, 1])]
    return list(zip(numbers.tolist(), places[numbers].tolist(), strict=True))


def _scan(entries: Entries, wanted: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """The same of entries in any order, by one pass over them: first by 16 bits, then by all."""
    may_be = np.zeros(1 << 16, bool)
    may_be[wanted[:, 0] >> np.uint64(48)] = True
    places = np.flatnonzero(may_be[entries["head"] >> np.uint64(48)])
    first: dict[tuple[int, int], int] = {}
    chosen = entries[places]
    for place, *halves in zip(places.tolist(), chosen["head"].tolist(), chosen["tail"].tolist(), strict=True):
        first.setdefault((halves[0], halves[1]), place)
    halves_wanted = [(int(head), int(tail)) for head, tail in wanted.tolist()]
    return [(number, first[halves]) for number, halves in enumerate(halves_wanted) if halves in first]


def _is_sound(first: Any, content: Any, crc: Any) -> bool:
    is_whole = isinstance(first, int) and isinstance(content, bytes) and len(content) % ENTRY.itemsize == 0
    return is_whole and _entry_crc(first, content) == crc


def _entry_crc(first: int, content: bytes) -> int:
    return zlib.crc32(content, first & 0xFFFFFFFF)


READINGS = Readings()
