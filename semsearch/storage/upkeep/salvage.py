"""Read what can still be read of a damaged database: row by row, each compared with its checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.errors import NONSENSE, DamagedError
from semsearch.storage.database.state import State, index_checksum, read_state
from semsearch.storage.folder import DATABASE
from semsearch.storage.tables import TABLES
from semsearch.storage.tables.documents import DOCUMENTS, UnsavedDocument
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.passages import PASSAGES, SalvagedPassage
from semsearch.storage.tables.sources import SOURCES, KnownSource
from semsearch.storage.tables.tuning import TUNING
from semsearch.storage.tables.words import WORDS, StoredWords

__all__ = ["UNKNOWN", "Salvage", "SalvagedDocument"]

UNKNOWN = 1 << 62
"""Stands for a number of documents that cannot be read: more than there can be."""
UNKNOWN_GENERATION = 1 << 31
"""Stands for a generation that cannot be read: surely not too low."""


@dataclass(frozen=True, slots=True)
class SalvagedDocument:
    """A document that matches its hash, and its passages, ``None`` if not all of these are sound.

    ``words`` are those of each passage, ``None`` where none are kept, or not as they were written.
    """

    document: Document
    passages: list[SalvagedPassage] | None
    words: list[StoredWords | None]


class Salvage:
    """A damaged database, opened without any of the checks that would refuse it."""

    def __init__(self, folder: Path) -> None:
        address = f"{(folder / DATABASE).resolve().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        with suppress(sqlite3.DatabaseError):
            self._connection.execute("PRAGMA writable_schema=ON")  # go on although the file is too short
        self._kept = sqlite3.connect("", isolation_level=None)  # a temporary file

    def __enter__(self) -> Salvage:
        with suppress(sqlite3.DatabaseError):
            self._connection.execute("BEGIN")
        for table in TABLES:
            table.salvage(self._read_rows, self._kept)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Read no more."""
        self._kept.close()
        self._connection.close()

    def meta(self) -> dict[str, Any]:
        """Settings, as far as they can be read."""
        return META.read_salvageable(self._connection)

    def tuning(self) -> dict[str, Any]:
        """The user's choices for the index, as far as they can be read; what was measured, only if it is sound."""
        values = TUNING.read_salvageable(self._connection)
        state = self._state()
        with suppress(sqlite3.DatabaseError, DamagedError, *NONSENSE):
            if state and index_checksum(self._connection) == state.indexing:
                return values
        return {name: value for name, value in values.items() if name != "background"}

    def sources(self) -> list[KnownSource]:
        """The names of files that match their checksums."""
        return SOURCES.salvaged(self._kept)

    def generation(self) -> int:
        """Number of the last commit, or a guess that is not too low."""
        with suppress(sqlite3.DatabaseError, *NONSENSE):
            generation = int(self._connection.execute("SELECT max(generation) FROM state").fetchone()[0])
            return generation if 0 <= generation < UNKNOWN else UNKNOWN_GENERATION
        return UNKNOWN_GENERATION

    def epoch(self) -> int | None:
        """Which vector files are committed, if that can be read."""
        state = self._state()
        return state.epoch if state else None

    def count(self) -> int:
        """How many documents there must be; more than there can be if that is not known."""
        state = self._state()
        return state.documents if state else UNKNOWN

    def numbers(self) -> list[int]:
        """Numbers of all documents that are in the table, or that a sound passage refers to."""
        numbers = {row[0] for row in self._read_rows("documents", "number", "number")}
        numbers |= {row[0] for row in self._kept.execute("SELECT DISTINCT document FROM passages")}
        return sorted(number for number in numbers if isinstance(number, int))

    def document(self, number: int) -> SalvagedDocument | UnsavedDocument:
        """A document with its passages, or what is left of it."""
        salvaged = DOCUMENTS.salvage_one(self._connection, number)
        if isinstance(salvaged, UnsavedDocument):
            return salvaged
        document, count = salvaged
        if count is None:
            return SalvagedDocument(document, None, [])
        passages = PASSAGES.salvaged_of(self._kept, number, count, len(document.text))
        words = [WORDS.salvaged_of(self._kept, passage.row, passage.span[0]) for passage in passages or []]
        return SalvagedDocument(document, passages, words)

    def _state(self) -> State | None:
        with suppress(sqlite3.DatabaseError, DamagedError, *NONSENSE):
            return read_state(self._connection)
        return None

    def _read_rows(self, table: str, columns: str, key: str) -> Iterator[tuple[Any, ...]]:
        """Rows from the front up to the first page that cannot be read, and from the back likewise."""
        for order in ("ASC", "DESC"):
            query = f"SELECT {columns} FROM {table} NOT INDEXED ORDER BY {key} {order}"  # noqa: S608 - names of ours
            try:
                with closing(self._connection.execute(query)) as rows:
                    yield from rows
            except sqlite3.DatabaseError:
                continue
            return
