"""The segments as the writer has them: added with a commit, merged, kept over a compaction.

New segments are merged with those before them as long as these are not much larger, so that there are only some dozen
whatever the number of commits, and a large one is rewritten only when the collection has grown by half.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semsearch.common.durable import sync_folder, write_beside
from semsearch.index import Digest
from semsearch.storage.database.errors import translates_errors
from semsearch.storage.database.state import read_state
from semsearch.storage.database.transaction import Transaction
from semsearch.storage.prepared import Prepared
from semsearch.storage.segments.kinds import SEGMENT_KINDS, Segment, SegmentKind
from semsearch.storage.segments.reading import build_segment, read_segment, read_segments
from semsearch.storage.settings import Definition
from semsearch.storage.tables.segments import SegmentRecord
from semsearch.storage.vectors.committed import CommittedVectors

__all__ = ["SegmentWriter", "renew_segments"]

MERGED = 2
"""A segment is merged with the ones behind it if it has at most this many times their rows."""
FILE_ROWS = 16_384
"""Segments of fewer rows are kept in the table."""
MOST_IN_TABLE = 65_536
"""Rows in the table from which on even a run that goes on writes files: what is deleted leaves room in the database."""

Stored = tuple[SegmentRecord, bytes | None]


class SegmentWriter:
    """Changes the segments of one collection, under the writer's lock."""

    def __init__(self, connection: sqlite3.Connection, vectors: CommittedVectors, definition: Definition) -> None:
        self._connection = connection
        self._vectors = vectors
        self._settings = definition.settings
        self.folder = vectors.folder

    def add(self, documents: Sequence[Prepared], first: int) -> dict[str, tuple[SegmentRecord, bytes]]:
        """The segments of documents whose rows begin at ``first``, merged with small ones before them, by table."""
        return {kind.table.name: self._add(kind, documents, first) for kind in SEGMENT_KINDS}

    @translates_errors
    def renew(self, anew: bool = False) -> None:
        """Make what is missing, damaged or of another version, or all of it, and write files of what has grown."""
        for kind in SEGMENT_KINDS:
            self._renew(kind, anew)

    def relieve_table(self) -> None:
        """Write files in the middle of a long run, so that the table stays small."""
        for kind in SEGMENT_KINDS:
            if sum(record.rows for record in kind.table.read(self._connection) if record.file is None) > MOST_IN_TABLE:
                self._renew(kind, anew=False)

    def compacted(self, live: npt.NDArray[np.bool_]) -> dict[SegmentKind, Stored | None]:
        """The segments of the rows that are kept, bool[rows], as they are to be stored."""
        return {kind: self._keep(kind, live) for kind in SEGMENT_KINDS}

    def put(self, segments: Mapping[SegmentKind, Stored | None]) -> None:
        """Put what :meth:`compacted` has made in the place of all; the caller's transaction makes it count."""
        for kind, stored in segments.items():
            if stored:
                kind.table.put(self._connection, *stored)

    def _add(self, kind: SegmentKind, documents: Sequence[Prepared], first: int) -> tuple[SegmentRecord, bytes]:
        segment = kind.build(documents, self._settings, first)
        group = [segment]
        for record in reversed(kind.table.read(self._connection)):
            rows = sum(map(len, group))
            if record.file or record.version != kind.version or record.end != group[0].first:
                break
            if record.rows > MERGED * rows or record.rows + rows > FILE_ROWS:
                break
            earlier = read_segment(self._connection, self.folder, kind, record)
            if earlier is None or earlier.end != record.end:
                break
            group.insert(0, earlier)
        merged = kind.merge(group)
        return _pack_for_table(kind, merged)

    def _renew(self, kind: SegmentKind, anew: bool) -> None:
        records = kind.table.read(self._connection)
        rows = read_state(self._connection).rows
        sound = [] if anew else read_segments(self._connection, self.folder, kind, records)[0]
        covered = sound[-1].end if sound else 0
        in_table = [record for record in records[: len(sound)] if record.file is None]
        if covered == rows and len(sound) == len(records) and sum(record.rows for record in in_table) < FILE_ROWS:
            return
        group = []
        if covered < rows:
            group = [build_segment(self._connection, self.folder, self._settings, kind, covered, rows)]
        while sound and (records[len(sound) - 1].file is None or len(sound[-1]) <= MERGED * sum(map(len, group))):
            group.insert(0, sound.pop())
        self._commit(kind, group)

    def _commit(self, kind: SegmentKind, group: Sequence[Segment]) -> None:
        """Store one segment in the place of several, which are the last ones."""
        with Transaction(self._connection):
            if group:
                kind.table.put(self._connection, *self._store(kind, kind.merge(group)))
            else:
                kind.table.forget_derived(self._connection)
            self._connection.execute("UPDATE state SET generation = generation + 1")

    def _keep(self, kind: SegmentKind, live: npt.NDArray[np.bool_]) -> Stored | None:
        sound, _ = read_segments(self._connection, self.folder, kind, kind.table.read(self._connection))
        end = sound[-1].end if sound else 0
        if end < len(live):
            sound.append(build_segment(self._connection, self.folder, self._settings, kind, end, len(live)))
        kept: list[Segment] = []
        for segment in sound:
            kept.append(segment.keep(live[segment.first : segment.end], kept[-1].end if kept else 0))
        return self._store(kind, kind.merge(kept)) if live.any() else None

    def _store(self, kind: SegmentKind, segment: Segment) -> Stored:
        """A segment as it is to be noted: a large one is a file now, durable."""
        if len(segment) < FILE_ROWS:
            return _pack_for_table(kind, segment)
        digest = Digest()
        generation = read_state(self._connection).generation + 1
        name = f"{kind.table.name}-{generation}-{segment.first}.safetensors"
        with write_beside(self.folder / name) as file:
            for piece in segment.pack():
                digest.update(piece)
                file.write(piece)
        sync_folder(self.folder)
        return replace(_record(kind, segment, digest.hexdigest()), file=name), None


def renew_segments(connection: sqlite3.Connection, folder: Path, definition: Definition) -> None:
    """Make the segments of a collection that has come without them."""
    SegmentWriter(connection, CommittedVectors(connection, folder, definition), definition).renew()


def _pack_for_table(kind: SegmentKind, segment: Segment) -> tuple[SegmentRecord, bytes]:
    content = b"".join(segment.pack())
    return _record(kind, segment, hashlib.sha256(content).hexdigest()), content


def _record(kind: SegmentKind, segment: Segment, digest: str) -> SegmentRecord:
    return SegmentRecord(segment.first, len(segment), kind.version, None, digest)
