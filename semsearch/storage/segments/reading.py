"""Read the segments of a state; of rows that none covers they are made of the documents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from semsearch.common.documents import Document
from semsearch.common.environment import thread_count
from semsearch.common.errors import NONSENSE
from semsearch.common.open_files import comes_of_too_many_files
from semsearch.index import has_digest
from semsearch.storage.folder import is_own
from semsearch.storage.prepared import Prepared
from semsearch.storage.segments.kinds import Segment, SegmentKind
from semsearch.storage.settings import CollectionSettings
from semsearch.storage.tables.passages import PASSAGES, StoredPassage
from semsearch.storage.tables.segments import SegmentRecord

__all__ = ["LoadedSegments", "build_segment", "load_segments", "read_segment", "read_segments"]

BUILT_ROWS = 8192
"""Rows whose documents are read at a time, or a few more."""
DELETED = Document("")


@dataclass(frozen=True, slots=True)
class LoadedSegments:
    """The segments of a state. ``made`` covers the rows of which nothing usable is stored, and is in memory only."""

    records: tuple[SegmentRecord, ...]
    stored: tuple[Segment, ...]
    made: Segment | None
    damage: str | None
    """What is wrong with a segment, which is therefore not used."""

    @property
    def all(self) -> list[Segment]:
        """All of them, in the order of their rows."""
        return [*self.stored, *([self.made] if self.made else [])]


def load_segments(
    connection: sqlite3.Connection,
    folder: Path,
    settings: CollectionSettings,
    kind: SegmentKind,
    rows: int,
    earlier: LoadedSegments | None,
) -> LoadedSegments:
    """All segments of a state of ``rows`` rows; what has not changed since ``earlier`` is taken from it."""
    records = kind.table.read(connection)
    stored, damage = read_segments(connection, folder, kind, records, earlier)
    end = stored[-1].end if stored else 0
    made = earlier.made if earlier is not None and earlier.made is not None and earlier.made.first == end else None
    covered = made.end if made else end
    if covered < rows:
        rest = build_segment(connection, folder, settings, kind, covered, rows)
        made = kind.merge([made, rest]) if made else rest
    return LoadedSegments(tuple(records[: len(stored)]), tuple(stored), made if end < rows else None, damage)


def read_segments(
    connection: sqlite3.Connection,
    folder: Path,
    kind: SegmentKind,
    records: Sequence[SegmentRecord],
    earlier: LoadedSegments | None = None,
) -> tuple[list[Segment], str | None]:
    """The stored segments up to the first that is not sound, or of another version; and what is wrong with that."""
    known = dict(zip(earlier.records, earlier.stored, strict=True)) if earlier else {}
    segments: list[Segment] = []
    for record in records:
        if record.version != kind.version:
            break
        segment = known.get(record) or read_segment(connection, folder, kind, record)
        if segment is None or record.first != (segments[-1].end if segments else 0) or segment.end != record.end:
            where = f"file {folder / record.file}" if record.file else f"{kind.table.name} of row {record.first}"
            return segments, (
                f"{where} is damaged or missing, and is made anew for this search, which is slower: the next change "
                f"rebuilds it, or run: semsearch compact {folder.name}"
            )
        segments.append(segment)
    return segments, None


def build_segment(
    connection: sqlite3.Connection, folder: Path, settings: CollectionSettings, kind: SegmentKind, first: int, end: int
) -> Segment:
    """The segment of committed rows ``first`` … ``end`` - 1, made of their documents."""
    return kind.merge(
        [
            kind.build(list(_read_documents(connection, folder, part)), settings, part.start)
            for part in _cut_between_documents(connection, range(first, end))
        ]
    )


def _cut_between_documents(connection: sqlite3.Connection, rows: range) -> Iterator[range]:
    """Ranges of some ``BUILT_ROWS`` rows that end where a document ends, since a segment has each document once."""
    query = "SELECT max(vector) FROM passages WHERE document = (SELECT document FROM passages WHERE vector = ?)"
    start = rows.start
    while start < rows.stop:
        last = min(start + BUILT_ROWS, rows.stop) - 1
        (end_of_document,) = connection.execute(query, (last,)).fetchone()
        end = 1 + (last if end_of_document is None else min(max(last, end_of_document), rows.stop - 1))
        yield range(start, end)
        start = end


def _read_documents(connection: sqlite3.Connection, folder: Path, rows: range) -> Iterator[Prepared]:
    """The documents of some rows with those of their passages that are in these; deleted rows are empty."""
    query = "SELECT vector FROM passages WHERE vector >= ? AND vector < ?"
    live = [row for (row,) in connection.execute(query, (rows.start, rows.stop))]
    passages = PASSAGES.read(connection, live, folder)
    for _, group in groupby(rows, lambda row: _document_key(passages.get(row))):
        members = [passages.get(row) for row in group]
        document = members[0].document if members[0] else DELETED
        yield Prepared(document, tuple((one.start, one.end) if one else (0, 0) for one in members))


def _document_key(passage: StoredPassage | None) -> str | None:
    return passage.document.id if passage else None


def read_segment(
    connection: sqlite3.Connection, folder: Path, kind: SegmentKind, record: SegmentRecord
) -> Segment | None:
    """A segment that is stored; ``None`` if it is not what was written."""
    try:
        if record.file is None:
            content = kind.table.read_content(connection, record)
            if content is None:
                return None
            segment = kind.read(content, record.first)
        else:
            path = folder / record.file
            if not is_own(record.file) or not has_digest(path, record.sha256, thread_count()):
                return None
            segment = kind.read(np.asarray(np.memmap(path, np.uint8, "r")), record.first)
        segment.check()
    except (OSError, *NONSENSE) as error:
        if comes_of_too_many_files(error):  # which says nothing of this file
            raise
        return None
    return segment
