"""Mend a collection: copy all that is sound into a new database, make again what can be made, put the rest aside.

The new database takes the place of the old one in a single transaction (SQLite's backup), beside a new vector
file; until then, and after a crash before it, the collection is what it was.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32, chunks
from semsearch.common.documents import Document
from semsearch.common.durable import create_file, flush, sync_folder
from semsearch.common.errors import NONSENSE, DamagedError, SemsearchError
from semsearch.encoder import Encoded, Encoder
from semsearch.encoder.words import PassageWords
from semsearch.index import Rows
from semsearch.storage.database.connection import COMPANIONS, connect, discard, merge_log
from semsearch.storage.database.errors import is_of_the_file, translate_errors
from semsearch.storage.database.schema import create_schema
from semsearch.storage.database.state import read_state
from semsearch.storage.database.transaction import last_noted
from semsearch.storage.encoding import EncodedPassages, encode_new, join_encoded, join_passages
from semsearch.storage.folder import DATABASE, FINISHED, SCRATCH, is_own
from semsearch.storage.growing import sweep_unfinished
from semsearch.storage.locking import writer_lock
from semsearch.storage.prepare import prepare
from semsearch.storage.prepared import Prepared
from semsearch.storage.settings import Definition, StoredEncoder, random_id
from semsearch.storage.tables.documents import CONTENT, UnsavedDocument
from semsearch.storage.tables.words import StoredWords
from semsearch.storage.upkeep.salvage import UNKNOWN, Salvage, SalvagedDocument
from semsearch.storage.vectors.file import StoredRows, vector_file
from semsearch.storage.vectors.index_state import salvage_choice
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, VECTOR_KINDS, WORD_VECTORS, VectorKind
from semsearch.storage.writer import Writer

__all__ = ["Repaired", "repair_folder"]

logger = logging.getLogger(__name__)

BATCH = 256
"""Documents that are copied in one commit of the new database."""

LoadEncoder = Callable[[StoredEncoder], Encoder]
OldRows = dict[VectorKind, StoredRows]
"""All rows of the committed vector files; their checksums say which are sound."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did: documents that were kept, those of them that were encoded again, those put aside.

    ``file`` holds the last ones, one JSON object a line; ``None`` if there are none.
    """

    documents: int
    encoded: int
    aside: int
    file: str | None


def repair_folder(folder: Path, load: LoadEncoder, timeout: float | None = None) -> Repaired:
    """Mend the collection in ``folder``; ``load`` gives its encoder if a text must be encoded again.

    Raises :class:`DamagedError` if its settings are lost; all readable documents are then in a JSONL file that the
    message names.
    """
    with writer_lock(folder, timeout), translate_errors(folder), Salvage(folder) as salvage:
        meta = {"created": "", "id": random_id(), **salvage.meta()}  # these may be lost
        try:
            definition = Definition.from_meta(meta)
        except (SemsearchError, *NONSENSE) as error:
            raise _save_documents(folder, salvage, error) from error
        return _Repair(folder, salvage, definition, load).run(meta)


class _Repair:
    """One repair, under the writer's lock."""

    def __init__(self, folder: Path, salvage: Salvage, definition: Definition, load: LoadEncoder) -> None:
        self._folder = folder
        self._salvage = salvage
        self._definition = definition
        self._load = load
        self._encoder: Encoder | None = None
        self._copied = self._encoded = self._kept = 0
        self._aside: list[UnsavedDocument] = []

    def run(self, meta: dict[str, Any]) -> Repaired:
        old = _open_old_rows(self._folder, self._salvage.epoch(), self._definition)
        epoch = max(_epochs(self._folder), default=-1) + 1
        scratch = self._folder / f".repair-{secrets.token_hex(4)}.db"
        files = [vector_file(self._folder, epoch, self._definition, kind) for kind in self._definition.dimensions]
        try:
            for file in files:  # no file of the epoch is there yet
                file.create()
            generation = max(self._salvage.generation(), last_noted(self._folder)) + 1
            with closing(_create_database(scratch, meta, generation, epoch)) as connection:
                writer = Writer(connection, self._folder, self._definition)
                for numbers in chunks(self._salvage.numbers(), BATCH):
                    self._copy(writer, numbers, old)
                if sources := self._salvage.sources():
                    writer.note_sources(sources)
                writer.indexes.keep_choice(salvage_choice(self._salvage.tuning()))
                self._kept = read_state(connection).documents
            self._count_lost()
            aside = _write_aside(self._folder, generation, self._aside, "does not match its hash")
            sync_folder(self._folder)
            self._salvage.close()  # its lock, if the old file has no write-ahead log
            _put_in_place(scratch, self._folder)
        except BaseException:
            for file in files:
                file.path.unlink(missing_ok=True)
            raise
        finally:
            discard(scratch)
        self._finish()
        for left in (SCRATCH, FINISHED):
            shutil.rmtree(self._folder / left, ignore_errors=True)
        sweep_unfinished(self._folder.parent)
        return Repaired(self._kept, self._encoded, len(self._aside), aside)

    def _copy(self, writer: Writer, numbers: Sequence[int], old: OldRows) -> None:
        """Copy some documents with their vectors; encode again those whose passages or vectors are not sound."""
        whole: list[tuple[Prepared, EncodedPassages]] = []
        lost: list[Document] = []
        for salvaged in self._take_newest(numbers):
            encoded = _read_sound_vectors(old, salvaged, self._definition)
            if encoded is None:
                lost.append(salvaged.document)
            else:
                spans = tuple(passage.span for passage in salvaged.passages or ())
                whole.append((Prepared(salvaged.document, spans), encoded))
        if whole:
            writer.commit([prepared for prepared, _ in whole], _join([encoded for _, encoded in whole]))
        if lost:
            encoder, settings = self._load_encoder(), self._definition.settings
            prepared = prepare(lost, settings, encoder)
            anew = encode_new(prepared, settings, encoder, {})
            writer.commit(prepared, join_passages(prepared, anew, settings))
        self._encoded += len(lost)

    def _take_newest(self, numbers: Sequence[int]) -> Iterable[SalvagedDocument]:
        """The sound documents, and of two with one id the newer one. A damaged index of ids can let two in.

        If the older one was in an earlier batch, the writer replaces it.
        """
        newest: dict[str, SalvagedDocument] = {}
        for number in numbers:
            salvaged = self._salvage.document(number)
            if isinstance(salvaged, UnsavedDocument):
                self._aside.append(salvaged)
                continue
            self._copied += 1
            identifier = str(salvaged.document.id)
            newest.pop(identifier, None)
            newest[identifier] = salvaged
        return newest.values()

    def _count_lost(self) -> None:
        """Make the number of documents put aside that of the lost ones.

        A damaged number can make two of one document; a lost page hides documents without a trace.
        """
        empty = [left for left in self._aside if not any(value is not None for value in left.fields.values())]
        surplus = self._copied + len(self._aside) - self._salvage.count()
        for left in empty[: max(surplus, 0)]:
            self._aside.remove(left)
        if self._salvage.count() < UNKNOWN:  # of a page that is gone not even the numbers are known
            self._aside += [UnsavedDocument(-1, {})] * max(-surplus, 0)
        elif not self._copied + len(self._aside):
            raise DamagedError(
                f"collection {self._folder} cannot be mended, since no document in it can be read; "
                "build it again from its sources"
            )
        else:
            logger.info("how many documents there were cannot be read: compare what is left with the sources")

    def _load_encoder(self) -> Encoder:
        if self._encoder is None:
            logger.info("encoding again what is damaged")
            stored = self._definition.encoder
            self._encoder = self._load(stored)
            here = StoredEncoder.of(self._encoder, self._definition.settings)
            if (here.dimension, here.hidden_size) != (stored.dimension, stored.hidden_size):
                raise DamagedError(
                    f"collection {self._folder} cannot be mended: its settings say that vectors have "
                    f"{list(self._definition.dimensions.values())} numbers; build it again from its sources"
                )
        return self._encoder

    def _finish(self) -> None:
        """Build the index, and remove the files of the damaged state."""
        with closing(connect(self._folder / DATABASE, write=True)) as connection:
            writer = Writer(connection, self._folder, self._definition)
            writer.maintain()
            writer.indexes.sweep()
            merge_log(connection)


def _save_documents(folder: Path, salvage: Salvage, error: Exception) -> DamagedError:
    """Write down all documents that can be read; they can be indexed into a new collection."""
    left: list[UnsavedDocument] = []
    for number in salvage.numbers():
        salvaged = salvage.document(number)
        if isinstance(salvaged, UnsavedDocument):
            left.append(salvaged)
        else:
            left.append(UnsavedDocument(number, {name: getattr(salvaged.document, name) for name in CONTENT}))
    file = _write_aside(folder, salvage.generation() + 1, left, "the collection's settings are lost")
    saved = f"its {len(left)} documents are in {file}: index them into a new collection" if file else "nothing is left"
    return DamagedError(f"collection {folder} cannot be mended, since its settings are lost ({error}); {saved}")


def _create_database(scratch: Path, meta: dict[str, Any], generation: int, epoch: int) -> sqlite3.Connection:
    create_file(scratch).close()
    connection = connect(scratch, write=True)
    create_schema(connection, meta, generation, epoch)
    return connection


def _epochs(folder: Path) -> set[int]:
    """Those of the vector files that are there, committed or not."""
    files = [file for kind in VECTOR_KINDS for file in folder.glob(f"{kind.file_stem}-*.{kind.code.value}")]
    return {int(file.stem.split("-")[1]) for file in files if is_own(file.name)}


def _open_old_rows(folder: Path, epoch: int | None, definition: Definition) -> OldRows:
    """The committed vector files.

    A compaction that was killed leaves files of another epoch, whose rows are numbered differently. If the committed
    epoch is not known, files are believed only if they are all of one epoch.
    """
    there = _epochs(folder)
    if epoch is None and len(there) == 1:
        epoch = min(there)
    if epoch is None:
        return {}
    files = {kind: vector_file(folder, epoch, definition, kind) for kind in definition.dimensions}
    return {
        kind: file.open(file.path.stat().st_size // file.stride) for kind, file in files.items() if file.path.exists()
    }


def _read_sound_vectors(old: OldRows, salvaged: SalvagedDocument, definition: Definition) -> EncodedPassages | None:
    """The vectors of a document's passages, and of their words, if all match their checksums."""
    if salvaged.passages is None:
        return None
    rows = [passage.row for passage in salvaged.passages]
    vectors = _take_sound(old, PASSAGE_VECTORS, rows, definition)
    if vectors is None:
        return None
    counts = np.array([(passage.cut, passage.unknown, 0) for passage in salvaged.passages], np.int64).reshape(-1, 3)
    pooled = Encoded(vectors, *counts.T)
    if not definition.word_vectors:
        return EncodedPassages(pooled)
    words = [_read_sound_words(old, stored, definition) for stored in salvaged.words]
    sound = [passage_words for passage_words in words if passage_words is not None]
    return EncodedPassages(pooled, sound) if len(sound) == len(words) else None


def _read_sound_words(old: OldRows, words: StoredWords | None, definition: Definition) -> PassageWords | None:
    if words is None:
        return None
    vectors = _take_sound(old, WORD_VECTORS, range(words.first, words.first + len(words.spans)), definition)
    return None if vectors is None else PassageWords(words.spans, vectors)


def _take_sound(old: OldRows, kind: VectorKind, rows: Sequence[int], definition: Definition) -> Float32 | None:
    """The vectors of these rows, if they are there and match their checksums."""
    numbers = np.array(rows, np.int64)
    stored = old.get(kind)
    if stored is None or (len(numbers) and (numbers.max() >= len(stored.matrix) or len(stored.find_damaged(numbers)))):
        return None
    return Rows(stored, definition.dimensions[kind]).take(numbers)


def _join(parts: Sequence[EncodedPassages]) -> EncodedPassages:
    pooled = join_encoded([part.pooled for part in parts])
    if parts[0].words is None:
        return EncodedPassages(pooled)
    return EncodedPassages(pooled, [words for part in parts for words in part.words or []])


def _write_aside(folder: Path, generation: int, unsaved: Sequence[UnsavedDocument], problem: str) -> str | None:
    """Keep what is left of documents for people to look at, and for ``semsearch index``; gives the file's path."""
    if not unsaved:
        return None
    path = folder / f"damaged-{generation}.jsonl"
    with create_file(path) as file:
        for left in unsaved:
            fields = {name: _decode_value(value) for name, value in left.fields.items() if value is not None}
            line = json.dumps({**fields, "problem": problem}, ensure_ascii=False) + "\n"
            file.write(line.encode("utf-8", "backslashreplace"))
        flush(file)
    return str(path)


def _decode_value(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _put_in_place(scratch: Path, folder: Path) -> None:
    """Make the new database the collection's, in one transaction; if the old file is none any more, by a rename."""
    target = folder / DATABASE
    with closing(connect(scratch, write=True)) as source:
        source.execute("PRAGMA journal_mode=DELETE")  # all is in one file now, or this raises
        source.execute("PRAGMA journal_mode=WAL")
        try:
            with closing(connect(target, write=True)) as old:
                source.backup(old)
                merge_log(old)
            return
        except sqlite3.DatabaseError as error:
            if not is_of_the_file(error):
                raise
    for suffix in COMPANIONS:
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    scratch.replace(target)
    sync_folder(folder)
