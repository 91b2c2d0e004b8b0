"""The only code that changes a collection.

A write is: append the new rows to the vector files, fsync them, then commit the SQLite transaction that
counts them. Until that commit nothing has happened; after it everything has.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from semsearch.common.arrays import Float32, chunks
from semsearch.common.documents import Document
from semsearch.common.errors import DuplicateIdError
from semsearch.ingest.files import File, is_gone
from semsearch.ingest.formats.extensions import TABLE_MARK
from semsearch.ingest.stamps import Stamp
from semsearch.storage.database.errors import translate_errors, translates_errors
from semsearch.storage.database.state import read_state
from semsearch.storage.database.transaction import Transaction
from semsearch.storage.encoding import EncodedPassage, EncodedPassages
from semsearch.storage.known import KnownPassages
from semsearch.storage.names import Names
from semsearch.storage.prepared import Prepared
from semsearch.storage.recipes import RECIPES, Recipe, merge_recipe, read_recipes
from semsearch.storage.segments.writer import SegmentWriter
from semsearch.storage.settings import Definition
from semsearch.storage.tables import tables_of
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.documents import DOCUMENTS, KnownDocument, SourcedDocument, content_hash
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.passages import PASSAGES
from semsearch.storage.tables.sources import SOURCES, KnownSource
from semsearch.storage.tables.stamps import STAMPS
from semsearch.storage.tables.table import PARAMETERS, Addition
from semsearch.storage.vectors.committed import CommittedVectors
from semsearch.storage.vectors.compaction import compact
from semsearch.storage.vectors.index_writer import IndexWriter
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS

__all__ = ["Writer"]

logger = logging.getLogger(__name__)

DEAD_SHARE = 0.3
DEAD_ROWS = 10_000
"""Deleted rows are removed from the files when they are more than this share of all, and this many."""


class Writer:
    """Changes one collection; made by the handle, which holds the writer's lock."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, definition: Definition) -> None:
        self._connection = connection
        self._tables = tables_of(definition)
        self._vectors = CommittedVectors(connection, folder, definition)
        self.folder = folder
        self.indexes = IndexWriter(connection, self._vectors)
        self.segments = SegmentWriter(connection, self._vectors, definition)
        self._known = KnownPassages(connection, self._vectors)
        self._names = Names(connection)
        self._stamps: dict[str, Stamp] = {}
        with translate_errors(folder):
            connection.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, hash BLOB) WITHOUT ROWID")

    @translates_errors
    def commit(self, batch: Sequence[Prepared], encoded: EncodedPassages) -> None:
        """Add documents, or replace those whose id is there, with one vector a span, in one commit.

        The files of :meth:`finish_files` count with it.
        """
        appends = {PASSAGE_VECTORS: self._vectors.append(PASSAGE_VECTORS, encoded.pooled.vectors)}
        if encoded.words:
            words = np.concatenate([passage.vectors for passage in encoded.words])
            appends[WORD_VECTORS] = self._vectors.append(WORD_VECTORS, words)
        segments = self.segments.add(batch, appends[PASSAGE_VECTORS].first)
        with Transaction(self._connection):
            ids = [str(prepared.document.id) for prepared in batch]
            numbers, replaced = DOCUMENTS.numbers_for(self._connection, ids)
            for number in replaced:
                self._delete_passages(number)
            addition = Addition(
                documents=batch,
                numbers=numbers,
                first_row=appends[PASSAGE_VECTORS].first,
                cut=encoded.pooled.cut,
                unknown=encoded.pooled.unknown,
                words=encoded.words,
                first_word_row=appends[WORD_VECTORS].first if encoded.words else 0,
                appends={kind: append for kind, append in appends.items() if append.rows},
                segments=segments,
            )
            for table in self._tables:
                table.insert(self._connection, addition)
            self._note_files()
            rows = addition.first_row + len(encoded.pooled.vectors)
            self._connection.execute("UPDATE state SET generation = generation + 1, rows = ?", (rows,))
        self._forget_noted()
        self.segments.relieve_table()

    @translates_errors
    def read_encoded(self, batch: Sequence[Prepared]) -> dict[bytes, EncodedPassage]:
        """What has been encoded before of the passages of these documents."""
        return self._known.find([digest for prepared in batch for digest in prepared.digests()])

    @translates_errors
    def note_sources(self, sources: Sequence[KnownSource]) -> None:
        """Note by which names files are known, in one commit."""
        with Transaction(self._connection):
            SOURCES.note(self._connection, sources)
            self._connection.execute("UPDATE state SET generation = generation + 1")

    def finish_files(self, stamps: Mapping[str, Stamp]) -> None:
        """Note by their sources how files are whose documents are all in the collection, with the next commit."""
        self._stamps.update(stamps)

    @translates_errors
    def stamps_of(self, files: Sequence[File]) -> dict[str, Stamp]:
        """How files were when all their documents were added; where they are found now is noted."""
        sources = [file.origin.source for file in files]
        stamps = STAMPS.read(self._connection, sources)
        places = {known.source: known.path for known in SOURCES.read(self._connection, "source", sources)}
        for file in files:
            if file.origin.source in stamps and places.get(file.origin.source) != file.found_at:
                self._names.name_file(file)
        return stamps

    @translates_errors
    def find_moved(self, source: str, stamp: Stamp) -> list[str]:
        """The files that are not there any more, and had the content that a new one has."""
        if STAMPS.read(self._connection, [source]):
            return []
        table = source.partition(TABLE_MARK)[2]
        others = STAMPS.sources_like(self._connection, stamp)
        return [one for one in others if one != source and one.partition(TABLE_MARK)[2] == table and is_gone(one)]

    @translates_errors
    def gone_files(self, found: Set[str]) -> list[str]:
        """The files with documents that are not there any more; those that were ``found`` are not looked for."""
        sources = [source for source in STAMPS.sources(self._connection) if source not in found]
        places = {known.source: known.path for known in SOURCES.read(self._connection, "source", sources)}
        return [source for source in sources if is_gone(places.get(source, source))]

    @translates_errors
    def forget_leftovers(self, sources: Iterable[str]) -> None:
        """Have those of these files read again that the collection has more documents of than were seen in this run."""
        sources = set(sources) - self._names.new
        if not sources:  # all documents are looked through
            return
        query = "SELECT DISTINCT source FROM documents WHERE source NOT NULL AND id NOT IN (SELECT id FROM seen)"
        left = {source for (source,) in self._connection.execute(query)} & sources
        for source in left:
            self._stamps.pop(source, None)
        if left:
            with Transaction(self._connection):
                STAMPS.forget(self._connection, sorted(left))
                self._connection.execute("UPDATE state SET generation = generation + 1")

    @translates_errors
    def ids_of_sources(self, sources: Sequence[str]) -> list[str]:
        """The ids of the documents of some files."""
        return DOCUMENTS.ids_of_sources(self._connection, sources)

    @translates_errors
    def name_file(self, file: File) -> str:
        """The name that begins the ids of a file's documents in this collection."""
        return self._names.name_file(file)

    @translates_errors
    def tell_apart(self, document: Document) -> Document:
        """A document of a file that was named here, under the id that it has in this collection."""
        return self._names.tell_apart(document)

    @translates_errors
    def note_recipe(self, recipe: Recipe) -> None:
        """Note from what the collection was built, in one commit, unless it is noted."""
        recipes = read_recipes(META.read(self._connection))
        if recipe in recipes:
            return
        with Transaction(self._connection):
            META.replace(self._connection, RECIPES, merge_recipe(recipes, recipe))
            self._connection.execute("UPDATE state SET generation = generation + 1")

    @translates_errors
    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents with their passages, in one commit; returns how many were there."""
        removed = 0
        with Transaction(self._connection):
            for part in chunks(ids, PARAMETERS):
                for number in DOCUMENTS.numbers_for(self._connection, part)[1]:
                    self._stamps.pop(str(DOCUMENTS.source_of_number(self._connection, number)), None)
                    self._delete_passages(number)
                    DOCUMENTS.delete(self._connection, number)
                    removed += 1
            if removed:
                self._connection.execute("UPDATE state SET generation = generation + 1")
        return removed

    @translates_errors
    def read_known(self, ids: Sequence[str]) -> dict[str, KnownDocument]:
        """What is known of those of the ids that are in the collection."""
        return DOCUMENTS.read_known(self._connection, ids, self.folder)

    @translates_errors
    def has_vector(self, identifier: str, vector: Float32) -> bool:
        """Whether a document is stored as one passage with this very vector."""
        rows = PASSAGES.rows_of_document(self._connection, identifier, self.folder)
        if rows is None or len(rows) != 1:
            return False
        stored = self._vectors.file(PASSAGE_VECTORS).open(self._vectors.count(PASSAGE_VECTORS))
        (kept,) = self._vectors.rows(PASSAGE_VECTORS, stored).take(np.array(rows))
        code = PASSAGE_VECTORS.code
        return np.array_equal(code.encode(kept[None]), code.encode(vector[None]))

    @translates_errors
    def see(self, document: Document) -> bool:
        """Whether a document is the first of its id since the writer was made; False for the same one again.

        Raises :class:`DuplicateIdError` if it is another one.
        """
        digest = content_hash(document)
        seen = self._connection.execute("SELECT hash FROM seen WHERE id = ?", (document.id,)).fetchone()
        if seen is None:
            self._connection.execute("INSERT INTO seen VALUES (?, ?)", (document.id, digest))
        elif seen[0] != digest:
            where = f", the second in {document.source}" if document.source else ""
            raise DuplicateIdError(f"two documents have the id {document.id!r}{where}; give each its own")
        return seen is None

    @translates_errors
    def ids(self) -> list[str]:
        """Ids of all documents."""
        return DOCUMENTS.ids(self._connection, read_state(self._connection).documents, self.folder)

    @translates_errors
    def documents_of(self, root: str) -> tuple[list[SourcedDocument], dict[str, str]]:
        """The documents that come from a source or from below it; where files were found that a link led to."""
        found = {known.source: known.path for known in SOURCES.below(self._connection, root)}
        return DOCUMENTS.of_sources(self._connection, root, list(found)), found

    @translates_errors
    def check_documents(self, ids: Sequence[str]) -> None:
        """Compare documents with their hashes; raises :class:`DamagedError`."""
        for identifier in ids:
            DOCUMENTS.read(self._connection, identifier, self.folder)

    @translates_errors
    def maintain(self) -> None:
        """What is due after a write: remove deleted rows if they are many, renew the index, leave no rubbish."""
        if (self._names.unnoted or self._stamps) and read_state(self._connection).documents:
            with Transaction(self._connection):
                self._note_files()
                self._connection.execute("UPDATE state SET generation = generation + 1")
            self._forget_noted()
        dead = DEAD.count(self._connection)
        if dead > max(DEAD_ROWS, DEAD_SHARE * read_state(self._connection).rows):
            self.compact()
        else:
            self.segments.renew()
            self.indexes.renew()
            self.indexes.sweep()

    @translates_errors
    def compact(self) -> None:
        """Remove deleted rows from the files, and build the index anew."""
        if not DEAD.count(self._connection):
            self.segments.renew(anew=True)
            self.indexes.renew(anew=True)
            return
        logger.info("removing deleted rows from %s", f"{read_state(self._connection).rows:,}")
        compact(self._connection, self._vectors, self.indexes, self.segments)

    def _note_files(self) -> None:
        """Note what is new about files; the caller's transaction makes it count."""
        SOURCES.note(self._connection, self._names.unnoted)
        STAMPS.note(self._connection, self._stamps)

    def _forget_noted(self) -> None:
        self._names.unnoted.clear()
        self._stamps.clear()

    def _delete_passages(self, number: int) -> None:
        """Mark the rows of a document's passages as dead, and forget what belongs to them."""
        for table in reversed(self._tables):
            table.delete_passages(self._connection, number)
