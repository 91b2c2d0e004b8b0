"""Read what can still be read of a damaged database: row by row, each compared with its checksum."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semsearch.common.documents import Document, Span
from semsearch.common.errors import DamagedError
from semsearch.encoder.words import unpacked, words_crc
from semsearch.storage.database.connection import content_hash, passage_crc
from semsearch.storage.database.state import document_crc, read_state
from semsearch.storage.folder import DATABASE
from semsearch.storage.tables.passages import StoredWords

__all__ = ["UNKNOWN", "Salvage", "SavedPassage", "Unsaved"]

UNKNOWN = 1 << 62
"""More documents than there can be."""
PASSAGE = "vector, document, ordinal, start, stop, cut, crc"
WORDS = "passage, first, number, spans, crc"


@dataclass(frozen=True, slots=True)
class SavedPassage:
    """A passage that matches its checksum."""

    vector: int
    span: Span
    cut: int
    words: StoredWords | None
    """``None`` where none are kept, or what is said of them does not match its checksum."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What is left of a document that does not match its hash."""

    number: int
    fields: dict[str, Any]


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
        columns = ("vector INTEGER PRIMARY KEY", "document", "ordinal", "start", "stop", "cut")
        self._kept.execute(f"CREATE TABLE passages ({', '.join(columns)})")
        with suppress(sqlite3.DatabaseError):
            self._connection.execute("BEGIN")
        self._kept.execute("CREATE TABLE words (passage INTEGER PRIMARY KEY, first, spans)")
        for passage, first, number, spans, crc in self._rows("words", WORDS, "passage"):
            if words_crc(passage, first, number, spans) == crc:
                self._kept.execute("INSERT OR IGNORE INTO words VALUES (?,?,?)", (passage, first, spans))
        for row in self._rows("passages", PASSAGE, "vector"):
            vector, document, ordinal, start, stop, cut, crc = row
            if passage_crc(vector, document, ordinal, (start, stop), cut) == crc:
                self._kept.execute("INSERT OR IGNORE INTO passages VALUES (?,?,?,?,?,?)", row[:-1])
        self._kept.execute("CREATE INDEX passages_of_document ON passages (document)")
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()
        self._connection.close()

    def meta(self) -> dict[str, Any]:
        """Settings, as far as they can be read."""
        found: dict[str, Any] = {}
        with suppress(sqlite3.DatabaseError):
            for key, value in self._connection.execute("SELECT key, value FROM meta"):
                with suppress(TypeError, ValueError):
                    found[key] = json.loads(value)
        return found

    def generation(self) -> int:
        """Number of the last commit, or a guess that is not too low."""
        with suppress(sqlite3.DatabaseError, TypeError):
            return int(self._connection.execute("SELECT max(generation) FROM state").fetchone()[0])
        return 1 << 31

    def epoch(self) -> int | None:
        """Which vector files are committed, if that can be read."""
        with suppress(sqlite3.DatabaseError, DamagedError):
            return read_state(self._connection)[1]
        return None

    def count(self) -> int:
        """How many documents there must be; more than there can be if that is not known."""
        with suppress(sqlite3.DatabaseError, DamagedError):
            return read_state(self._connection)[3]
        return UNKNOWN

    def tuning(self) -> dict[str, Any]:
        """The user's choices for the index, as far as they can be read."""
        found: dict[str, Any] = {}
        with suppress(sqlite3.DatabaseError, TypeError, ValueError):
            for key, value in self._connection.execute("SELECT key, value FROM tuning"):
                found[key] = json.loads(value)
        return found

    def numbers(self) -> list[int]:
        """Numbers of all documents that are in the table, or that a sound passage refers to."""
        found = {row[0] for row in self._rows("documents", "number", "number")}
        found |= {row[0] for row in self._kept.execute("SELECT DISTINCT document FROM passages")}
        return sorted(one for one in found if isinstance(one, int))

    def document(self, number: int) -> tuple[Document, list[SavedPassage] | None] | Unsaved:
        """A document with its passages, ``None`` for these if not all are sound; or what is left of it."""
        names = ("id", "title", "source", "metadata", "text", "hash", "passages", "crc")
        values: dict[str, Any] = {}
        for name in names:  # one by one: what stands on a page that is lost takes nothing else with it
            with suppress(sqlite3.DatabaseError):
                query = f"SELECT {name} FROM documents NOT INDEXED WHERE number = ?"  # noqa: S608 - names of ours
                row = self._connection.execute(query, (number,)).fetchone()
                if row is not None:
                    values[name] = row[0]
        try:
            fields = (values["text"], values["id"], values["title"], values["source"])
            document = Document(*fields, json.loads(values["metadata"]))
            sound = content_hash(document) == values["hash"]
        except (KeyError, TypeError, ValueError, RecursionError):
            sound = False
        if not sound:
            return Unsaved(number, {name: values.get(name) for name in names[:5]})
        counted = "crc" in values and "passages" in values
        if not counted or document_crc(number, values["id"], values["passages"], values["hash"]) != values["crc"]:
            return document, None
        return document, self._passages(number, values["passages"], len(document.text))

    def _passages(self, number: int, count: int, length: int) -> list[SavedPassage] | None:
        query = (
            "SELECT ordinal, vector, start, stop, cut, first, spans FROM passages LEFT JOIN words ON passage = vector "
            "WHERE document = ? ORDER BY ordinal"
        )
        rows = self._kept.execute(query, (number,)).fetchall()
        inside = all(0 <= start <= stop <= length for _, _, start, stop, *_ in rows)
        if [row[0] for row in rows] != list(range(count)) or not inside:
            return None
        return [
            SavedPassage(
                vector, (start, stop), cut, None if spans is None else StoredWords(first, unpacked(spans, start))
            )
            for _, vector, start, stop, cut, first, spans in rows
        ]

    def _rows(self, table: str, columns: str, key: str) -> Iterator[tuple[Any, ...]]:
        """Rows from the front up to the first page that cannot be read, and from the back likewise."""
        for order in ("ASC", "DESC"):
            query = f"SELECT {columns} FROM {table} NOT INDEXED ORDER BY {key} {order}"  # noqa: S608 - names of ours
            try:
                with closing(self._connection.execute(query)) as rows:
                    yield from rows
            except sqlite3.DatabaseError:
                continue
            return
