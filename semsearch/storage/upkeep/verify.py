"""Compare every byte of a collection that can be compared, and say what is wrong and how to mend it.

The tables are read as they are, damage included; nothing is written. A full-text table, when there is one, is
compared in a check of its own: add it to ``CHECKS``.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.common.environment import thread_count
from semsearch.common.errors import DamagedError, SemsearchError
from semsearch.encoder.words import unpacked, words_crc
from semsearch.index import has_digest
from semsearch.storage.database.committed import last_noted
from semsearch.storage.database.connection import connect, passage_crc
from semsearch.storage.database.errors import errors_translated
from semsearch.storage.database.state import check_seal, has_words, read_state
from semsearch.storage.folder import DATABASE, PASSAGES, WORDS, Matrix, is_own, vector_file
from semsearch.storage.settings import stored_settings
from semsearch.storage.snapshot import word_rows
from semsearch.storage.tables.passages import DOCUMENT, checked_document
from semsearch.storage.vectors.file import VectorFile, vector_files

__all__ = ["Finding", "Part", "Report", "verify_folder"]

BLOCK = 8192
"""Rows of the vector file that are read at a time."""
NAMED = 20
"""Findings of one kind that are named one by one; of the others the number is told."""


class Part:
    """What a finding is about, which decides how it is mended."""

    DATABASE = "database"
    DOCUMENT = "document"
    PASSAGE = "passage"
    VECTOR = "vector"
    INDEX = "index"
    FILE = "file"


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


@dataclass(frozen=True, slots=True)
class Look:
    """What a check needs to know."""

    connection: sqlite3.Connection
    folder: Path
    noted: int
    """The commit that was noted last, before the connection was opened."""

    def matrices(self) -> tuple[Matrix, ...]:
        """Which vectors the collection keeps."""
        return (PASSAGES, WORDS) if has_words(self.connection) else (PASSAGES,)

    def vectors(self) -> Iterator[tuple[Matrix, VectorFile, int]]:
        """The vector files, and how many rows of each are committed."""
        _, epoch, rows, *_ = read_state(self.connection)
        meta = dict(self.connection.execute("SELECT key, value FROM meta WHERE key IN ('settings', 'encoder')"))
        _, encoder = stored_settings({key: json.loads(value) for key, value in meta.items()})
        files = vector_files(self.folder, epoch, encoder)
        yield PASSAGES, files[PASSAGES], rows
        if WORDS in files:
            yield WORDS, files[WORDS], word_rows(self.connection)


MENDS = {
    Part.DATABASE: "everything that is sound is copied into a new database",
    Part.DOCUMENT: "put aside in a JSONL file in the collection's folder, to be indexed again from its source",
    Part.PASSAGE: "split and encoded again from the document's text",
    Part.VECTOR: "encoded again from its text",
    Part.INDEX: "built again from the vectors",
    Part.FILE: "removed",
}


def verify_folder(folder: Path) -> Report:
    """Compare a collection's newest state with its checksums; raises only what is not damage.

    A writer may go on: if its commit has taken files away in the middle, the new state is looked at.
    """
    while True:
        try:
            report = _verified(folder)
        except DamagedError as error:  # not even to be opened
            problem = str(error).split("; run", 1)[0]
            finding = Finding(Part.DATABASE, DATABASE, problem, MENDS[Part.DATABASE])
            return Report(folder.name, -1, 0, 0, 0, len(list(folder.iterdir())), (finding,))
        if report.sound or _generation(folder) in (report.generation, None):
            return report


def _verified(folder: Path) -> Report:
    noted = last_noted(folder)
    with errors_translated(folder), closing(connect(folder / DATABASE)) as connection:
        connection.execute("BEGIN")
        look = Look(connection, folder, noted)
        findings = tuple(finding for check in CHECKS for finding in _guarded(check, look))
        return Report(folder.name, *_counts(connection), len(list(folder.iterdir())), findings)


NONSENSE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What values raise that are of another kind than they should be."""


def _guarded(check: Callable[[Look], Iterator[tuple[str, str, str]]], look: Look) -> Iterator[Finding]:
    """The findings of a check; that it cannot go on is one, too."""
    number = 0
    part = Part.DATABASE
    try:
        for part, name, problem in check(look):
            number += 1
            if number <= NAMED:
                yield Finding(part, name, problem, MENDS[part])
    except (sqlite3.DatabaseError, SemsearchError, OSError, *NONSENSE) as error:
        yield Finding(Part.DATABASE, DATABASE, f"cannot be read: {error}", MENDS[Part.DATABASE])
    if number > NAMED:
        yield Finding(part, f"{number - NAMED} more", "likewise", MENDS[part])


def _counts(connection: sqlite3.Connection) -> tuple[int, int, int, int]:
    """Generation, documents, passages and rows as far as they can be told."""
    try:
        generation, _, rows, documents, passages, *_ = read_state(connection)
    except (DamagedError, sqlite3.DatabaseError, TypeError):
        return -1, 0, 0, 0
    return generation, documents, passages, rows


def _generation(folder: Path) -> int | None:
    with errors_translated(folder), closing(connect(folder / DATABASE)) as connection:
        generation = _counts(connection)[0]
        return None if generation < 0 else generation


def _pages(look: Look) -> Iterator[tuple[str, str, str]]:
    """SQLite's own check of its pages, and of its indexes against its tables."""
    for (message,) in look.connection.execute("PRAGMA integrity_check(20)"):
        if message != "ok":
            yield Part.DATABASE, DATABASE, " ".join(str(message).split())


def _tables(look: Look) -> Iterator[tuple[str, str, str]]:
    """Counts, and checksums of the small tables."""
    try:
        check_seal(look.connection)
    except DamagedError as error:
        yield Part.DATABASE, DATABASE, str(error).split(": ", 1)[-1].split("; run", 1)[0]
    generation, _, rows, *_ = read_state(look.connection)
    if generation < look.noted:
        yield Part.DATABASE, DATABASE, f"commits {generation + 1} to {look.noted} are lost with the write-ahead log"
    ids = "SELECT vector FROM passages UNION ALL SELECT vector FROM dead"
    found = look.connection.execute(f"SELECT count(*), count(DISTINCT vector), max(vector) FROM ({ids})")  # noqa: S608
    count, distinct, last = found.fetchone()
    if not count == distinct == rows or (rows and last != rows - 1):
        yield Part.DATABASE, DATABASE, f"{rows} rows are committed, but passages and deleted ones are {count}"


def _documents(look: Look) -> Iterator[tuple[str, str, str]]:
    """Hashes of texts and metadata; spans inside the text, as many as there must be."""
    for row in look.connection.execute(f"SELECT {DOCUMENT} FROM documents d"):  # noqa: S608 - a constant
        try:
            document = checked_document(row, look.folder)
        except DamagedError:
            yield Part.DOCUMENT, repr(row[1]), "does not match its hash"
            continue
        spans = "SELECT vector, ordinal, start, stop FROM passages WHERE document = ? ORDER BY ordinal"
        passages = look.connection.execute(spans, (row[0],)).fetchall()
        if [one[1] for one in passages] != list(range(row[3])):
            yield Part.PASSAGE, f"of document {row[1]!r}", f"{row[3]} are expected, {len(passages)} found"
        for vector, _, start, stop in passages:
            if not 0 <= start <= stop <= len(document.text):
                yield Part.PASSAGE, str(vector), f"its span {start}-{stop} is not inside the text"


def _passages(look: Look) -> Iterator[tuple[str, str, str]]:
    """Checksums of the passages, and that each has its document."""
    rows = "SELECT vector, document, ordinal, start, stop, cut, crc FROM passages"
    for vector, document, ordinal, start, stop, cut, crc in look.connection.execute(rows):
        if passage_crc(vector, document, ordinal, (start, stop), cut) != crc:
            yield Part.PASSAGE, str(vector), "does not match its checksum"
    lost = "SELECT vector, document FROM passages WHERE document NOT IN (SELECT number FROM documents)"
    for vector, document in look.connection.execute(lost):
        yield Part.PASSAGE, str(vector), f"its document {document} is not there"


def _words(look: Look) -> Iterator[tuple[str, str, str]]:
    """Checksums of what is said of words, that they are inside their passages, and that no row is two words."""
    if WORDS not in look.matrices():
        return
    query = (
        "SELECT p.vector, p.start, p.stop, w.first, w.number, w.spans, w.crc "
        "FROM passages p LEFT JOIN words w ON w.passage = p.vector ORDER BY p.vector"
    )
    behind = 0
    for vector, start, stop, first, number, spans, crc in look.connection.execute(query):
        if first is None or words_crc(vector, first, number, spans) != crc:
            yield Part.PASSAGE, str(vector), "its words do not match their checksum"
            continue
        found = unpacked(spans, start)
        if len(found) != number or (number and found[-1, 1] > stop):
            yield Part.PASSAGE, str(vector), "its words are not inside it"
        if first < behind:
            yield Part.PASSAGE, str(vector), f"word {first} is one of another passage, too"
        behind = first + number
    if behind > word_rows(look.connection):
        yield Part.DATABASE, DATABASE, f"there are words up to {behind - 1}, more than are committed"
    lost = "SELECT passage FROM words WHERE passage NOT IN (SELECT vector FROM passages)"
    for (vector,) in look.connection.execute(lost):
        yield Part.PASSAGE, str(vector), "has words, and is not there"


def _vectors(look: Look) -> Iterator[tuple[str, str, str]]:
    """Checksums of all rows of the vector files."""
    for matrix, file, rows in look.vectors():
        here = min(rows, file.path.stat().st_size // file.stride if file.path.exists() else 0)
        if here < rows:
            yield Part.VECTOR, f"{here}-{rows - 1}", f"{file.path.name} ends before them"
        stored = file.open(here)
        for first in range(0, here, BLOCK):
            for row in stored.wrong(np.arange(first, min(first + BLOCK, here), dtype=np.int64)).tolist():
                yield Part.VECTOR, _row(matrix, row), "does not match its checksum"


def _row(matrix: Matrix, row: int | str) -> str:
    return str(row) if matrix == PASSAGES else f"of word {row}"


def _appends(look: Look) -> Iterator[tuple[str, str, str]]:
    """Checksums of whole appends to the vector files, which must follow each other."""
    for matrix, file, rows in look.vectors():
        yield from _appends_to(look, matrix, file, rows)


def _appends_to(look: Look, matrix: Matrix, file: VectorFile, rows: int) -> Iterator[tuple[str, str, str]]:
    expected = 0
    table = matrix.blocks
    query = f"SELECT first, rows, crc FROM {table} ORDER BY first"  # noqa: S608 - a name of ours
    for first, count, crc in look.connection.execute(query):
        if first != expected or not 0 < count <= rows - first:
            yield Part.DATABASE, DATABASE, f"the record of the append at row {first} is not where it must be"
            return
        with file.path.open("rb") as stream:
            stream.seek(first * file.stride)
            if zlib.crc32(stream.read(count * file.stride)) != crc:
                yield Part.VECTOR, _row(matrix, f"{first}-{first + count - 1}"), "do not match their append's checksum"
        expected += count
    if expected != rows:
        yield Part.DATABASE, DATABASE, f"appends of {expected} rows are recorded, {rows} are committed"


def _index(look: Look) -> Iterator[tuple[str, str, str]]:
    """Checksums of the index files."""
    for file, sha256 in _index_files(look):
        try:
            if not is_own(file):
                raise ValueError(f"{file!r} is no name of an index file")
            sound = has_digest(look.folder / file, sha256, thread_count())
        except (OSError, ValueError) as error:
            yield Part.INDEX, str(file), f"cannot be read: {error}"
            continue
        if not sound:
            yield Part.INDEX, file, "does not match its checksum"
    for matrix in look.matrices():
        table = matrix.tuning
        for key, value in look.connection.execute(f"SELECT key, value FROM {table}"):  # noqa: S608 - a name of ours
            json.loads(value or f"{table} has nothing for {key}")


def _index_files(look: Look) -> list[tuple[str, str]]:
    """Names and checksums of the index files."""
    found = []
    for matrix in look.matrices():
        table = matrix.indexes
        query = f"SELECT file, sha256 FROM {table} ORDER BY first"  # noqa: S608 - a name of ours
        found += look.connection.execute(query).fetchall()
    return found


def _orphans(look: Look) -> Iterator[tuple[str, str, str]]:
    """Files of ours that no record names: of a crash, or of states that are no more."""
    epoch = read_state(look.connection)[1]
    wanted = {file for file, _ in _index_files(look)}
    wanted |= {vector_file(look.folder, epoch, matrix).name for matrix in look.matrices()}
    for entry in sorted(look.folder.iterdir()):
        if is_own(entry.name) and entry.name not in wanted:
            yield Part.FILE, entry.name, "belongs to no committed state"


CHECKS = (_pages, _tables, _documents, _passages, _words, _vectors, _appends, _index, _orphans)
"""Each yields the part, the name and the problem of what it finds."""
