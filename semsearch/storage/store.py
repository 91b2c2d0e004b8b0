"""A collection on disk: opened, written to, read, described. Questions to it are the query layer's."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from semsearch.common.arguments import check_strings, refuse_single
from semsearch.common.arrays import Float32, chunks
from semsearch.common.documents import Document, Span
from semsearch.common.errors import CollectionNotFoundError, InputError, LockedError, QueryError
from semsearch.common.forks import renew_in_child
from semsearch.common.threads import is_pool_interrupted
from semsearch.common.unicode import replace_surrogates
from semsearch.index import load_library
from semsearch.storage.canary import check_canary
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.folder import DATABASE
from semsearch.storage.handle import Handle
from semsearch.storage.locking import LOCK, clear, is_locked
from semsearch.storage.nonsense import encode_nonsense
from semsearch.storage.recipes import Recipe, read_recipes
from semsearch.storage.settings import CollectionSettings, Definition
from semsearch.storage.snapshot import Extra, Snapshot
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.tables.passages import PASSAGES, StoredPassage
from semsearch.storage.tables.words import WORDS, StoredWords

if TYPE_CHECKING:
    from semsearch.encoder import Encoder
    from semsearch.index import Target
    from semsearch.storage.sync import MayRemove, SyncReport
    from semsearch.storage.upkeep.status import Status

__all__ = ["Store"]

READ_ROWS = 1024
"""Rows that are read at a time."""


class Store:
    """An open collection. Threads may share one; several processes may read while one writes."""

    def __init__(self, handle: Handle, encoder: Encoder | None = None) -> None:
        self.handle = handle
        self._lock = threading.RLock()
        self._encoder: Encoder | None = None
        self._load: Callable[[], Encoder] = lambda: self.definition.encoder.load()
        self._checked: Encoder | None = None
        self._ahead: tuple[Encoder, Future[None]] | None = None
        self._is_loading = False
        renew_in_child(self)
        if encoder is not None:
            try:
                self.attach(encoder)
            except BaseException:
                handle.close()
                raise

    def after_fork(self) -> None:
        """Another process has another lock, and compares the canary itself."""
        self._lock, self._checked, self._ahead = threading.RLock(), None, None

    @classmethod
    def create(
        cls, path: Path, encoder: Encoder, settings: CollectionSettings, *, timeout: float | None = None
    ) -> Store:
        """Make an empty collection in the folder ``path``, which must not exist yet, and open it."""
        from semsearch.storage.creation import create_folder

        create_folder(path, encoder, settings)
        return cls(Handle(path, timeout=timeout), encoder)

    @property
    def path(self) -> Path:
        """The collection's folder."""
        return self.handle.folder

    @property
    def name(self) -> str:
        """Name of the collection's folder."""
        return self.path.name

    @property
    def definition(self) -> Definition:
        """What the collection is made with."""
        return self.handle.definition

    @property
    def encoder(self) -> Encoder:
        """The encoder of the stored vectors, loaded on first use."""
        with self._lock:
            if self._encoder is None:
                if self._is_loading:
                    raise QueryError(
                        f"the model of collection {self.name!r} is being loaded by this very thread, which a signal "
                        "handler has interrupted; let the handler set a flag, and search when it is back"
                    )
                self._is_loading = True
                try:
                    self._encoder = self.definition.encoder.check(self._load(), self.name)
                finally:
                    self._is_loading = False
            return self._encoder

    def attach(self, encoder: Encoder) -> None:
        """Use this encoder from now on; raises :class:`SpaceMismatchError` if it makes other vectors."""
        self._encoder = self.definition.encoder.check(encoder, self.name)
        self._checked = None

    def attach_later(self, load: Callable[[], Encoder]) -> None:
        """Use the encoder that ``load`` gives, which is called when an encoder is first needed."""
        self._encoder, self._load = None, load
        self._checked = None

    def warm_up(self) -> None:
        """Do now, side by side, what a first question would wait for: the model, the search, the newest state."""
        encoder = self.encoder
        self._ahead = encoder, self._begin_check(encoder)
        load_library()
        with self.pinned():
            pass

    @contextmanager
    def checking_encoder(self) -> Iterator[None]:
        """A block that uses vectors of the encoder; :class:`SpaceMismatchError` ends it if these have drifted.

        That is looked at once for each encoder, beside the work of the block, so that a first question hardly waits.
        """
        encoder = self.encoder
        if self._checked is encoder:
            yield
            return
        if is_pool_interrupted():
            self._check(encoder)
            yield
            self._checked = encoder
            return
        ahead, self._ahead = self._ahead, None
        check = ahead[1] if ahead and ahead[0] is encoder else self._begin_check(encoder)
        try:
            yield
        finally:
            check.result()  # before what the block raises: a drift explains all of it
        self._checked = encoder

    def _begin_check(self, encoder: Encoder) -> Future[None]:
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self._check, encoder)
        finally:
            pool.shutdown(wait=False)

    def _check(self, encoder: Encoder) -> None:
        check_canary(encoder, self.definition.canary, self.name, singly=True)

    def close(self) -> None:
        """Close this thread's connection; the collection can be used again and opens a new one."""
        self.handle.close()

    def shut(self) -> None:
        """Close the collection for good, for all threads: files are let go of, and whoever asks next gets an error."""
        self.handle.shut()

    def sync(
        self,
        documents: Iterable[Document | str],
        *,
        prune: Sequence[str] | None = None,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
        may_remove: MayRemove | None = None,
    ) -> SyncReport:
        """Add documents, replacing those of the same id, and remove what is gone from the sources ``prune``."""
        from semsearch.ingest.frames import is_frame, read_frame
        from semsearch.storage.sync import Sync

        refuse_single(documents, "documents")
        if is_frame(documents):
            documents = read_frame(documents)
        if isinstance(documents, Mapping) or not isinstance(documents, Iterable):
            raise InputError(f"documents are {documents!r:.40}; give a list of texts or of semsearch.Document")
        prune = None if prune is None else check_strings(prune, "sources")
        with self.handle.writing() as writer:
            run = Sync(
                writer,
                self.definition.settings,
                lambda: self.encoder,
                dry_run=dry_run,
                progress=progress,
                check=lambda: check_canary(self.encoder, self.definition.canary, self.name),
                may_remove=may_remove,
            )
            return run.run(documents, prune)

    def recipes(self) -> list[Recipe]:
        """From what the collection was built, as it was when it was opened."""
        return read_recipes(self.handle.meta)

    @property
    def is_being_built(self) -> bool:
        """Whether somebody is writing to it who has not noted from what, as at the end of a first run."""
        return not self.recipes() and is_locked(self.path)

    def note_recipe(self, recipe: Recipe) -> None:
        """Note from what the collection was built."""
        with self.handle.writing() as writer:
            writer.note_recipe(recipe)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents, effective at once for every reader; returns how many there were."""
        ids = check_strings(ids, "ids")
        with self.handle.writing() as writer:
            removed = writer.delete(list(dict.fromkeys(map(replace_surrogates, ids))))
            writer.maintain()
            return removed

    def reencode(self, encoder: Encoder, progress: Callable[[SyncReport], None] | None = None) -> SyncReport:
        """Encode all documents again with this encoder, which becomes the collection's."""
        from semsearch.storage.upkeep.reencode import reencode_folder

        with self.handle.locked():
            self.close()
            report = reencode_folder(self.path, self.handle.meta, encoder, progress)
        self.handle.reopen()
        self.attach(encoder)
        with self.handle.writing() as writer:
            writer.maintain()
            writer.indexes.renew_background(partial(encode_nonsense, encoder))
            writer.indexes.sweep()
        return report

    def compact(self) -> None:
        """Remove deleted rows from the files and build the index anew, without stopping readers."""
        with self.handle.writing() as writer:
            writer.compact()

    def use_index(self, factory: str) -> None:
        """Have the index of a FAISS factory string when it is next built, or ``auto``."""
        with self.handle.writing() as writer:
            writer.indexes.choose(factory)

    def tune(self, target: Target) -> None:
        """Choose how much of the index a query looks at."""
        with self.handle.writing() as writer:
            writer.indexes.tune(target)

    def drop(self) -> None:
        """Delete the collection and its files for good."""
        with self.handle.locked(), translate_errors(self.path):  # whoever is writing finishes first
            self._remove_files()
        clear(self.path)

    def drop_if_unused(self) -> None:
        """Delete the collection if nothing was ever committed to it; whoever is writing to it now may go on."""
        with suppress(CollectionNotFoundError, LockedError):
            with self.handle.locked(timeout=0), translate_errors(self.path):
                if self.handle.is_replaced:
                    return
                with self.handle.reading() as (_, state):
                    if state.generation > 0:
                        return
                self._remove_files()
            clear(self.path)

    def pinned(self, extras: Extra = Extra.NONE) -> AbstractContextManager[Snapshot]:
        """The newest committed state. Within the block this thread reads that state, whatever is written."""
        return self.handle.pinned(extras)

    def passages(self, rows: Sequence[int]) -> dict[int, StoredPassage]:
        """The passages of live rows of a state that is :meth:`pinned`."""
        with translate_errors(self.path):
            return PASSAGES.read(self.handle.connection, rows, self.path)

    def document_numbers(self, rows: Sequence[int]) -> list[int]:
        """The number of the document of each of these rows, in a state that is :meth:`pinned`."""
        with translate_errors(self.path):
            return PASSAGES.document_numbers(self.handle.connection, rows, self.path)

    def rows_where(self, is_wanted: Callable[[str], object]) -> list[int]:
        """Rows of the passages whose text fulfils a condition, such as that a pattern is found in it.

        The condition must hold for a text of which a part fulfils it.
        """
        with translate_errors(self.path), self.handle.reading() as (connection, _):
            return PASSAGES.rows_where(connection, is_wanted, self.path)

    def rows_of_document(self, document: str) -> list[int] | None:
        """Rows of a document's passages in order; ``None`` if there is no such document."""
        with translate_errors(self.path):
            return PASSAGES.rows_of_document(self.handle.connection, replace_surrogates(document), self.path)

    def words(self, passages: Sequence[StoredPassage]) -> list[StoredWords]:
        """The words of passages of a state that is :meth:`pinned`, in a collection that keeps them."""
        with translate_errors(self.path):
            return WORDS.read(self.handle.connection, passages, self.path)

    def word_places(self, rows: Sequence[int]) -> list[tuple[StoredPassage, Span]]:
        """The passage and the place of the word of each of these rows, in a state that is :meth:`pinned`."""
        with translate_errors(self.path):
            return WORDS.read_places(self.handle.connection, rows, self.path)

    def passages_with_vectors(self) -> Generator[tuple[StoredPassage, Float32]]:
        """All passages of one committed state with their vectors, float32[dimension], in the order of rows."""
        with self.pinned() as snapshot:
            for part in chunks(snapshot.live_rows(), READ_ROWS):
                rows = [int(row) for row in part]
                passages = self.passages(rows)
                vectors = snapshot.searcher.rows.take(part)
                yield from ((passages[row], vector) for row, vector in zip(rows, vectors, strict=True))

    def ids(self) -> list[str]:
        """Ids of all documents, in alphabetical order."""
        with translate_errors(self.path), self.handle.reading() as (connection, state):
            return DOCUMENTS.ids(connection, state.documents, self.path)

    def document(self, identifier: str) -> Document | None:
        """The document of this id; ``None`` if there is none."""
        with translate_errors(self.path), self.handle.reading() as (connection, _):
            found = DOCUMENTS.read(connection, replace_surrogates(identifier), self.path)
            return None if found is None else found[-1]

    def documents(self) -> Generator[Document]:
        """All documents of one committed state, in the order in which they came."""
        with translate_errors(self.path), self.handle.reading() as (connection, _):
            for *_, document in DOCUMENTS.read_all(connection, self.path):
                yield document

    def count(self) -> int:
        """How many documents there are."""
        with translate_errors(self.path), self.handle.reading() as (_, state):
            return state.documents

    def status(self) -> Status:
        """The collection in figures."""
        from semsearch.storage.upkeep.status import read_status

        with translate_errors(self.path), self.handle.reading() as (connection, state):
            return read_status(connection, state, self.path, self.definition)

    def fields(self) -> dict[str, dict[str, int]]:
        """How many documents have values of which types in each field."""
        from semsearch.storage.upkeep.status import count_fields

        with translate_errors(self.path), self.handle.reading() as (connection, state):
            return count_fields(connection, state, self.path, self.definition)

    def export(self, target: IO[bytes]) -> None:
        """Write the newest committed state as one archive, while others read and write."""
        from semsearch.storage.upkeep.archive import export_archive

        export_archive(self.path, self.definition, target)

    def _remove_files(self) -> None:
        self.close()
        (self.path / DATABASE).unlink()  # from here on it is no collection, for those who wait to write
        for entry in self.path.iterdir():
            if entry.name != LOCK:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
