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
        self._runs: list[tuple[Entries, npt.NDArray[np.int64]]] = []

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """What is known of those of the texts that have been read before."""
        self._load_new()
        wanted = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
        found: dict[bytes, Reading] = {}
        for entries, rows in self._runs:
            places = np.searchsorted(entries["head"], wanted[:, 0])
            there = np.flatnonzero(places < len(entries))
            same = entries["head"][places[there]] == wanted[there, 0]
            same &= entries["tail"][places[there]] == wanted[there, 1]
            for number in there[same].tolist():
                entry = entries[places[number]]
                found[digests[number]] = Reading(int(rows[places[number]]), int(entry["cut"]), int(entry["unknown"]))
        return found

    def _load_new(self) -> None:
        fresh = list(READINGS.read(self._connection, self._loaded))
        if not fresh:
            return
        rows = np.concatenate([np.arange(first, first + len(entries)) for first, entries in fresh])
        self._loaded = int(rows[-1]) + 1
        self._runs.append((np.concatenate([entries for _, entries in fresh]), rows))
        if len(self._runs) > MOST_RUNS:
            entries, numbers = zip(*self._runs, strict=True)
            self._runs = [(np.concatenate(entries), np.concatenate(numbers))]
        self._runs[-1] = _sort(*self._runs[-1])


def pack_readings(digests: Iterable[bytes], cut: Sequence[int] | Any, unknown: Sequence[int] | Any) -> bytes:
    """Entries of rows as the module's first lines say."""
    halves = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
    entries = np.zeros(len(halves), ENTRY)
    entries["head"], entries["tail"], entries["cut"], entries["unknown"] = halves[:, 0], halves[:, 1], cut, unknown
    return entries.tobytes()


def _sort(entries: Entries, rows: npt.NDArray[np.int64]) -> tuple[Entries, npt.NDArray[np.int64]]:
    """Entries by their digests, the first of equal ones alone: rows of one text have one vector."""
    order = np.lexsort((entries["tail"], entries["head"]))
    entries, rows = entries[order], rows[order]
    fresh = np.ones(len(entries), bool)
    fresh[1:] = (entries["head"][1:] != entries["head"][:-1]) | (entries["tail"][1:] != entries["tail"][:-1])
    fresh &= (entries["head"] != 0) | (entries["tail"] != 0)
    return entries[fresh], rows[fresh]


def _is_sound(first: Any, content: Any, crc: Any) -> bool:
    is_whole = isinstance(first, int) and isinstance(content, bytes) and len(content) % ENTRY.itemsize == 0
    return is_whole and _entry_crc(first, content) == crc


def _entry_crc(first: int, content: bytes) -> int:
    return zlib.crc32(content, first & 0xFFFFFFFF)


READINGS = Readings()
