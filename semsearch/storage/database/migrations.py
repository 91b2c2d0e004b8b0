"""Older formats of a collection become today's, each step a function, all steps in one transaction.

A format that a release has written can be read for ever: ``tests/golden`` has a collection of each.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from semsearch.common.arrays import chunks
from semsearch.common.documents import Document
from semsearch.common.durable import sync_folder
from semsearch.common.errors import NONSENSE, DamagedError
from semsearch.storage.database.schema import FORMAT, statements
from semsearch.storage.database.state import STATE_DDL, check_seal, seal
from semsearch.storage.folder import is_own
from semsearch.storage.prepared import reading_digest
from semsearch.storage.settings import Definition, random_id
from semsearch.storage.tables import BLOCKS_OF, TABLES
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.tables.indexes import INDEXES
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.passages import PASSAGES, passage_crc
from semsearch.storage.tables.readings import ENTRY, READINGS, pack_readings
from semsearch.storage.tables.segments import FIELDS, POSTINGS
from semsearch.storage.tables.sources import SOURCES, KnownSource
from semsearch.storage.tables.stamps import STAMPS
from semsearch.storage.tables.table import Append, Table, values_crc
from semsearch.storage.tables.tuning import TUNING
from semsearch.storage.vectors.file import CRC_BYTES, StoredRows, VectorFile, vector_file

__all__ = ["MIGRATIONS", "migrate"]

COPIED_ROWS = 16_384
"""Rows of a vector file that are copied at a time."""


def add_seal(connection: sqlite3.Connection, folder: Path) -> None:  # noqa: ARG001 - files stay as they are
    """1 to 2: checksums of a document's number and passages, of the state and the small tables; index in parts."""
    for statement in (
        "ALTER TABLE state RENAME TO former_state",
        "ALTER TABLE documents RENAME TO former_documents",
        "DROP TABLE indexes",  # derived, and in two forms
        "DROP TABLE IF EXISTS tuning",
        *statements(STATE_DDL + DOCUMENTS.ddl + INDEXES.ddl + TUNING.ddl),
        "INSERT INTO state (generation, epoch, rows, documents, passages, dead, settings, indexing, crc) "
        "SELECT generation, epoch, rows, 0, 0, 0, 0, 0, 0 FROM former_state",
    ):
        connection.execute(statement)
    rows = connection.execute(
        "SELECT number, id, hash, (SELECT count(*) FROM passages WHERE document = number), "
        "title, source, metadata, text FROM former_documents ORDER BY number"
    )
    for number, identifier, digest, passages, *content in rows:
        crc = values_crc((number, identifier, passages, digest))
        connection.execute(
            "INSERT INTO documents (number, id, hash, passages, crc, title, source, metadata, text) "
            "VALUES (?,?,?,?,?,?,?,?,?)",
            (number, identifier, digest, passages, crc, *content),
        )
    connection.execute("DROP TABLE former_state")
    connection.execute("DROP TABLE former_documents")


def add_id(connection: sqlite3.Connection, folder: Path) -> None:
    """2 to 3: an id in the checksums of vectors, which are copied; names of files; what the encoder has read."""
    connection.execute("INSERT INTO meta VALUES ('id', ?)", (json.dumps(random_id()),))
    for statement in (
        "ALTER TABLE passages RENAME TO former_passages",
        "DROP INDEX passages_of_document",
        *statements(PASSAGES.ddl + SOURCES.ddl + STAMPS.ddl + READINGS.ddl + POSTINGS.ddl + FIELDS.ddl),
    ):
        connection.execute(statement)
    former = connection.execute("SELECT vector, document, ordinal, start, stop, cut, crc FROM former_passages")
    connection.executemany("INSERT INTO passages VALUES (?,?,?,?,?,?,?,?)", (_count_unknown(*row) for row in former))
    connection.execute("DROP TABLE former_passages")
    SOURCES.note(connection, _known_sources(connection))
    _note_readings(connection, folder)
    _copy_vectors(connection, folder)


MIGRATIONS: dict[int, Callable[[sqlite3.Connection, Path], None]] = {1: add_seal, 2: add_id}
"""What makes a format the next one."""


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Bring the database of a writer's connection to today's format; nothing has changed if it raises."""
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA legacy_alter_table=ON")  # tables that refer to a renamed one go on meaning the new one
    connection.execute("BEGIN IMMEDIATE")
    try:
        current = json.loads(connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])
        if current > 1:
            check_seal(connection, _tables_there(connection))  # no damage is sealed as if it were right
        for number in range(current, FORMAT):
            MIGRATIONS[number](connection, folder)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (json.dumps(FORMAT),))
        connection.execute("UPDATE state SET generation = generation + 1")
        seal(connection)
        connection.execute("COMMIT")
        _remove_former_vectors(connection, folder)
    except (sqlite3.OperationalError, *NONSENSE) as error:
        if "no such" in str(error) or "already" in str(error) or not isinstance(error, sqlite3.Error):
            raise DamagedError(
                f"collection {folder} cannot be brought to format {FORMAT} ({error}); "
                f"run: semsearch verify {folder.name}"
            ) from error
        raise
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA legacy_alter_table=OFF")
        connection.execute("PRAGMA foreign_keys=ON")


def _tables_there(connection: sqlite3.Connection) -> list[Table]:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [table for table in TABLES if table.name in names]


def _count_unknown(*values: int) -> tuple[int, ...]:
    """A passage with its tokens that the model does not know, of which nobody has counted any.

    A checksum that does not match goes on not matching.
    """
    is_sound = passage_crc(values[:-1]) == values[-1]
    row = (*values[:-1], 0)
    return *row, passage_crc(row) ^ (not is_sound)


def _known_sources(connection: sqlite3.Connection) -> Iterator[KnownSource]:
    """Files whose names can be told from the ids of their documents: ``sub/a.md``, or ``sub/a.txt:12``."""
    told: set[str] = set()
    for identifier, source in connection.execute("SELECT id, source FROM documents WHERE source NOT NULL"):
        name, _, place = identifier.rpartition(":")
        name = name if place.isdecimal() and name else identifier
        if source not in told and PurePosixPath(name).name == PurePosixPath(source).name:
            told.add(source)
            yield KnownSource(source, name, source)


def _note_readings(connection: sqlite3.Connection, folder: Path) -> None:
    """Note what was read for the rows of sound documents; for others nothing, so that they are read again."""
    entries = np.zeros(connection.execute("SELECT rows FROM state").fetchone()[0], ENTRY)
    for number, _, document in _sound_documents(connection, folder):
        rows = connection.execute("SELECT vector, start, stop, cut FROM passages WHERE document = ?", (number,))
        for row, start, end, cut in rows:
            digest = reading_digest(f"{document.title} " if document.title else "", document.text[start:end])
            entries[row : row + 1] = np.frombuffer(pack_readings([digest], cut, 0), ENTRY)
    READINGS.note_all(connection, entries)


def _sound_documents(connection: sqlite3.Connection, folder: Path) -> Iterator[tuple[int, int, Document]]:
    for (identifier,) in connection.execute("SELECT id FROM documents").fetchall():
        try:
            document = DOCUMENTS.read(connection, identifier, folder)
        except DamagedError:
            continue
        if document:
            yield document


def _copy_vectors(connection: sqlite3.Connection, folder: Path) -> None:
    """Write the rows to files of the next epoch, with checksums that the collection's id is in."""
    definition = Definition.read(META.read(connection), folder)
    epoch, rows = connection.execute("SELECT epoch, rows FROM state").fetchone()
    for kind in definition.dimensions:
        table = BLOCKS_OF[kind]
        if table.name != "blocks":
            rows = connection.execute(f"SELECT ifnull(max(first + rows), 0) FROM {table.name}").fetchone()[0]  # noqa: S608
        connection.execute(f"DROP TABLE {table.name}")
        connection.execute(*statements(table.ddl))
        target = vector_file(folder, epoch + 1, definition, kind)
        target.path.unlink(missing_ok=True)  # of a migration that was interrupted
        target.create()
        table.note(connection, _copy_rows(vector_file(folder, epoch, definition, kind), rows, target))
    sync_folder(folder)
    connection.execute("UPDATE state SET epoch = epoch + 1")


def _copy_rows(source: VectorFile, count: int, target: VectorFile) -> Iterator[Append]:
    """Append rows of the former format, whose checksums know no id; one that does not match goes on not matching."""
    former = StoredRows(source.path, source.open(count).matrix, source.code, salt=0)
    for part in chunks(range(count), COPIED_ROWS):
        rows = former.matrix[part.start : part.stop].copy()
        target.seal(part.start, rows)
        damaged = former.find_damaged(np.arange(part.start, part.stop, dtype=np.int64)) - part.start
        rows[damaged, -CRC_BYTES:] ^= 0xFF
        yield Append(part.start, len(rows), target.append_encoded(part.start, rows))


def _remove_former_vectors(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove the vector files of other epochs than the committed one."""
    epoch = connection.execute("SELECT epoch FROM state").fetchone()[0]
    for file in [*folder.glob("vectors-*"), *folder.glob("words-*")]:
        if is_own(file.name) and file.stem.rpartition("-")[2] != str(epoch):
            file.unlink()
