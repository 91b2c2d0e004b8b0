"""Mend a collection: copy all that is sound into a new database, make again what can be made, put the rest aside.

The new database takes the place of the old one in a single transaction (SQLite's backup), beside a new vector
file; until then, and after a crash before it, the collection is what it was.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.documents import Document, Float32
from semsearch.common.errors import DamagedError, SemsearchError
from semsearch.encoder import Encoded, Encoder
from semsearch.encoder.words import PassageWords
from semsearch.index import Rows, Target
from semsearch.storage.database.committed import last_noted
from semsearch.storage.database.connection import connect, create_schema, merge_log
from semsearch.storage.database.errors import errors_translated
from semsearch.storage.database.transaction import sync_folder
from semsearch.storage.folder import DATABASE, PASSAGES, WORDS, Matrix, is_own
from semsearch.storage.locking import writer_lock
from semsearch.storage.prepare import EncodedPassages, Prepared, prepare
from semsearch.storage.settings import CollectionSettings, StoredEncoder, stored_settings
from semsearch.storage.sync import encode_prepared
from semsearch.storage.tables.passages import StoredWords
from semsearch.storage.upkeep.salvage import UNKNOWN, Salvage, SavedPassage, Unsaved
from semsearch.storage.vectors.file import StoredRows, vector_files
from semsearch.storage.vectors.index_builder import IndexState
from semsearch.storage.writer import Writer

__all__ = ["Repaired", "repair_folder"]

BATCH = 256
"""Documents that are copied in one commit of the new database."""

Load = Callable[[StoredEncoder], Encoder]


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did: documents that were kept, those of them that were encoded again, those put aside.

    ``file`` holds the last ones, one JSON object a line; ``None`` if there are none.
    """

    documents: int
    encoded: int
    aside: int
    file: str | None


def repair_folder(folder: Path, load: Load, notify: Callable[[str], None], timeout: float | None = None) -> Repaired:
    """Mend the collection in ``folder``; ``load`` gives its encoder if a text must be encoded again.

    Raises :class:`DamagedError` if its settings are lost; all readable documents are then in a JSONL file that the
    message names.
    """
    with writer_lock(folder, timeout, notify), errors_translated(folder), Salvage(folder) as salvage:
        try:
            settings, stored = _settings(salvage)
        except (KeyError, TypeError, ValueError, SemsearchError) as error:
            raise _lost(folder, salvage, error) from error
        return _Repair(folder, salvage, settings, stored, load, notify).run()


class _Repair:
    """One repair, under the writer's lock."""

    def __init__(
        self,
        folder: Path,
        salvage: Salvage,
        settings: CollectionSettings,
        stored: StoredEncoder,
        load: Load,
        notify: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._salvage = salvage
        self._settings = settings
        self._stored = stored
        self._load = load
        self._notify = notify
        self._encoder: Encoder | None = None
        self._encoded = self._kept = 0
        self._aside: list[Unsaved] = []

    def run(self) -> Repaired:
        old = _old_rows(self._folder, self._salvage.epoch(), self._stored)
        epoch = max(_epochs(self._folder), default=-1) + 1
        scratch = self._folder / f".repair-{secrets.token_hex(4)}.db"
        made = vector_files(self._folder, epoch, self._stored).values()
        try:
            for file in made:  # no file of the epoch is there yet
                file.create()
            generation = max(self._salvage.generation(), last_noted(self._folder)) + 1
            with closing(_made(scratch, _mended(self._salvage.meta()), generation, epoch)) as connection:
                writer = Writer(connection, self._folder, self._stored, self._settings.metric, self._notify)
                for numbers in _slices(self._salvage.numbers(), BATCH):
                    self._copy(writer, numbers, old)
                writer.indexes.keep_choice(_index_choice(self._salvage.tuning()))
            self._count_lost()
            aside = _write_aside(self._folder, generation, self._aside, "does not match its hash")
            sync_folder(self._folder)
            _put_in_place(scratch, self._folder)
        except BaseException:
            for file in made:
                file.path.unlink(missing_ok=True)
            raise
        finally:
            for suffix in ("", "-wal", "-shm"):
                scratch.with_name(scratch.name + suffix).unlink(missing_ok=True)
        self._finish()
        return Repaired(self._kept, self._encoded, len(self._aside), aside)

    def _copy(self, writer: Writer, numbers: Sequence[int], old: dict[Matrix, StoredRows]) -> None:
        whole: list[tuple[Prepared, EncodedPassages]] = []
        lost: list[Document] = []
        for number in numbers:
            found = self._salvage.document(number)
            if isinstance(found, Unsaved):
                self._aside.append(found)
                continue
            document, passages = found
            encoded = None if passages is None else _sound_vectors(old, passages, self._stored)
            if passages is None or encoded is None:
                lost.append(document)
            else:
                whole.append((Prepared(document, tuple(one.span for one in passages)), encoded))
        if whole:
            writer.commit([one for one, _ in whole], _joined([encoded for _, encoded in whole]))
        if lost:
            prepared = prepare(lost, self._settings, self._loaded())
            writer.commit(prepared, encode_prepared(prepared, self._settings, self._loaded()))
        self._kept += len(whole) + len(lost)
        self._encoded += len(lost)

    def _count_lost(self) -> None:
        """Have as many documents put aside as are lost: a changed number makes two of one, a lost page none of many."""
        empty = [one for one in self._aside if not any(value is not None for value in one.fields.values())]
        surplus = self._kept + len(self._aside) - self._salvage.count()
        for one in empty[: max(surplus, 0)]:
            self._aside.remove(one)
        if self._salvage.count() < UNKNOWN:  # of a page that is gone not even the numbers are known
            self._aside += [Unsaved(-1, {})] * max(-surplus, 0)
        elif not self._kept + len(self._aside):
            raise DamagedError(
                f"collection {self._folder} cannot be mended, since no document in it can be read; "
                "build it again from its sources"
            )
        else:
            self._notify("how many documents there were cannot be read: compare what is left with the sources")

    def _loaded(self) -> Encoder:
        if self._encoder is None:
            self._notify("encoding again what is damaged")
            self._encoder = self._load(self._stored)
            if StoredEncoder.of(self._encoder, self._settings).sizes != self._stored.sizes:
                raise DamagedError(
                    f"collection {self._folder} cannot be mended: its settings say that vectors have "
                    f"{self._stored.sizes} numbers; build it again from its sources"
                )
        return self._encoder

    def _finish(self) -> None:
        """Build the index, and remove the files of the damaged state."""
        with closing(connect(self._folder / DATABASE, write=True)) as connection:
            writer = Writer(connection, self._folder, self._stored, self._settings.metric, self._notify)
            writer.maintain()
            writer.indexes.sweep()
            merge_log(connection)


def _settings(salvage: Salvage) -> tuple[CollectionSettings, StoredEncoder]:
    return stored_settings(salvage.meta())


def _mended(meta: dict[str, Any]) -> dict[str, Any]:
    """Settings with what no question needs; when the collection was made may be lost."""
    return {"created": "", **meta}


def _lost(folder: Path, salvage: Salvage, error: Exception) -> DamagedError:
    """Write down all documents that can be read; they can be indexed into a new collection."""
    left: list[Unsaved] = []
    for number in salvage.numbers():
        found = salvage.document(number)
        if isinstance(found, Unsaved):
            left.append(found)
        else:
            document = found[0]
            names = ("id", "title", "source", "metadata", "text")
            left.append(Unsaved(number, {name: getattr(document, name) for name in names}))
    file = _write_aside(folder, salvage.generation() + 1, left, "the collection's settings are lost")
    saved = f"its {len(left)} documents are in {file}: index them into a new collection" if file else "nothing is left"
    return DamagedError(f"collection {folder} cannot be mended, since its settings are lost ({error}); {saved}")


def _made(scratch: Path, meta: dict[str, Any], generation: int, epoch: int) -> sqlite3.Connection:
    scratch.touch()
    connection = connect(scratch, write=True)
    create_schema(connection, meta, generation, epoch)
    return connection


def _epochs(folder: Path) -> set[int]:
    """Those of the vector files that are there, committed or not."""
    names = (*folder.glob("vectors-*.f16"), *folder.glob("words-*.u8"))
    return {int(file.stem.split("-")[1]) for file in names if is_own(file.name)}


def _old_rows(folder: Path, epoch: int | None, stored: StoredEncoder) -> dict[Matrix, StoredRows]:
    """All rows of the committed vector files; their checksums say which are sound.

    Files of another epoch, such as a compaction leaves that was killed, number the rows otherwise: if it is not known
    which epoch is committed, only files that are alone are believed.
    """
    there = _epochs(folder)
    if epoch is None and len(there) == 1:
        epoch = min(there)
    files = {} if epoch is None else vector_files(folder, epoch, stored)
    return {
        matrix: file.open(file.path.stat().st_size // file.stride)
        for matrix, file in files.items()
        if file.path.exists()
    }


def _sound_vectors(
    old: dict[Matrix, StoredRows], passages: Sequence[SavedPassage], stored: StoredEncoder
) -> EncodedPassages | None:
    """The vectors of a document's passages, and of their words, if all match their checksums."""
    vectors = _taken(old, PASSAGES, [passage.vector for passage in passages], stored.dimension)
    if vectors is None:
        return None
    pooled = Encoded(vectors, np.array([passage.cut for passage in passages], np.int64))
    if stored.hidden_size is None:
        return EncodedPassages(pooled)
    words = [_sound_words(old, passage.words, stored.hidden_size) for passage in passages]
    found = [one for one in words if one is not None]
    return EncodedPassages(pooled, found) if len(found) == len(words) else None


def _sound_words(old: dict[Matrix, StoredRows], words: StoredWords | None, hidden_size: int) -> PassageWords | None:
    if words is None:
        return None
    vectors = _taken(old, WORDS, range(words.first, words.first + len(words.spans)), hidden_size)
    return None if vectors is None else PassageWords(words.spans, vectors)


def _taken(old: dict[Matrix, StoredRows], matrix: Matrix, rows: Sequence[int], dimension: int) -> Float32 | None:
    """These rows, if they are there and match their checksums."""
    ids = np.array(rows, np.int64)
    stored = old.get(matrix)
    if stored is None or (len(ids) and (ids.max() >= len(stored.matrix) or len(stored.wrong(ids)))):
        return None
    return Rows(stored, dimension).take(ids)


def _joined(parts: Sequence[EncodedPassages]) -> EncodedPassages:
    vectors = np.concatenate([part.pooled.vectors for part in parts])
    pooled = Encoded(vectors, np.concatenate([part.pooled.cut for part in parts]))
    if parts[0].words is None:
        return EncodedPassages(pooled)
    return EncodedPassages(pooled, [words for part in parts for words in part.words or []])


def _index_choice(tuning: dict[str, Any]) -> IndexState:
    with suppress(TypeError, ValueError):
        factory = tuning.get("factory")
        target = tuning.get("target")
        kept = IndexState(factory=factory if isinstance(factory, str) else None)
        return kept if not target else IndexState(factory=kept.factory, target=Target(**target))
    return IndexState()


def _write_aside(folder: Path, generation: int, unsaved: Sequence[Unsaved], problem: str) -> str | None:
    """Keep what is left of documents for people to look at, and for ``semsearch index``; gives the file's path."""
    if not unsaved:
        return None
    path = folder / f"damaged-{generation}.jsonl"
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for one in unsaved:
            fields = {name: _text(value) for name, value in one.fields.items() if value is not None}
            file.write(json.dumps({**fields, "problem": problem}, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return str(path)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _put_in_place(scratch: Path, folder: Path) -> None:
    """Make the new database the collection's, in one transaction; if the old file is none any more, by a rename."""
    target = folder / DATABASE
    with closing(connect(scratch, write=True)) as source:
        merge_log(source)
        source.execute("PRAGMA journal_mode=DELETE")  # whole in one file
        with suppress(sqlite3.DatabaseError), closing(connect(target, write=True)) as old:
            source.backup(old)
            merge_log(old)
            return
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    scratch.replace(target)
    sync_folder(folder)


def _slices(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
