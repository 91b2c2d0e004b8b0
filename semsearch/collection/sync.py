"""Bring a collection up to date with a stream of documents, encoding only what has changed.

Documents stream through in batches; while one batch is encoded, the next is read and split and the one
before is committed. Memory therefore does not grow with the corpus, and a run that is interrupted
leaves every batch but the last two.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.collection.database import content_hash
from semsearch.collection.passages import Prepared, prepare
from semsearch.collection.settings import CollectionSettings
from semsearch.collection.writer import Stored, Writer
from semsearch.encoder import Encoded, Encoder
from semsearch.errors import DuplicateIdError, InputError
from semsearch.types import Document, Float32, Role, SyncReport

__all__ = ["Sync", "identified"]

BATCH_CHARACTERS = 250_000
BATCH_DOCUMENTS = 4096
"""A batch is committed at one of the two: every few seconds on a small machine."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def identified(item: Document | str) -> Document:
    """A document with an id, and without lone surrogates, which no file can hold.

    A text without an id is named by its content, so that adding it again changes nothing.
    """
    document = Document(item) if isinstance(item, str) else item
    if not isinstance(document, Document) or not isinstance(document.text, str):
        raise InputError(f"a document must be a string or a semsearch.Document with a text, not {item!r:.80}")
    document = _without_surrogates(document)
    try:
        if document.id is not None:
            content_hash(document)  # raises for metadata that JSON cannot hold
            return document
        return replace(document, id=content_hash(document).hex()[:16])
    except (TypeError, ValueError) as error:
        raise InputError(f"the metadata of document {document.id!r} cannot be stored as JSON: {error}") from error


def _without_surrogates(document: Document) -> Document:
    fields = {name: getattr(document, name) for name in ("text", "id", "title", "source")}
    mended: dict[str, Any] = {
        name: LONE_SURROGATE.sub("\ufffd", value)
        for name, value in fields.items()
        if isinstance(value, str) and not value.isascii() and LONE_SURROGATE.search(value)
    }
    return replace(document, **mended) if mended else document


class Sync:
    """One run over a stream of documents; a dry run plans everything and changes nothing."""

    def __init__(
        self,
        writer: Writer,
        connection: sqlite3.Connection,
        settings: CollectionSettings,
        encoder: Encoder,
        *,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
    ) -> None:
        self._writer = writer
        self._connection = connection
        self._settings = settings
        self._encoder = encoder
        self._dry_run = dry_run
        self._progress = progress or (lambda _: None)
        self._counts: Counter[str] = Counter()

    def run(self, documents: Iterable[Document | str], prune: Sequence[str] | None) -> SyncReport:
        """Add what is new, replace what changed, and remove what is gone from the sources ``prune``."""
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, hash BLOB) WITHOUT ROWID")
        self._connection.execute("DELETE FROM seen")
        with ThreadPoolExecutor(max_workers=1) as pool:
            pending: tuple[list[Prepared], Future[Encoded]] | None = None
            for batch in _batches(map(identified, documents)):
                prepared = self._plan(batch)
                future = pool.submit(self._encode, prepared)
                if pending:
                    self._commit(*pending)
                pending = (prepared, future)
            if pending:
                self._commit(*pending)
        if prune is not None:
            self._prune(prune)
        if not self._dry_run:
            self._writer.build_index()
        return self.report

    @property
    def report(self) -> SyncReport:
        """What has been done up to now."""
        return SyncReport(**self._counts)

    def _plan(self, batch: list[Document]) -> list[Prepared]:
        """Sort a batch into new, changed and unchanged; return what must be encoded, split."""
        batch = self._first_seen(batch)
        stored = self._writer.stored([str(document.id) for document in batch])
        fresh: list[Document] = []
        described: list[Document] = []
        blank: list[str] = []
        for document in batch:
            known = stored.get(str(document.id))
            if known:
                _refuse_takeover(document, known)
            if not document.text.strip():
                self._counts["empty"] += 1
                blank += [str(document.id)] if known else []
            elif known and known.hash == content_hash(document):
                self._counts["unchanged"] += 1
            else:
                self._counts["updated" if known else "added"] += 1
                same_vectors = known is not None and self._writer.same_words(known, document)
                (described if same_vectors else fresh).append(document)
        if not self._dry_run:
            self._write_now(described, blank)
        self._counts["removed"] += len(blank)
        return prepare(fresh, self._settings, self._encoder)

    def _write_now(self, described: list[Document], blank: list[str]) -> None:
        if described:
            self._writer.update(described)
        if blank:
            self._writer.delete(blank)

    def _first_seen(self, batch: list[Document]) -> list[Document]:
        """The batch without repeats; an id that comes back with other content is an error."""
        first = []
        for document in batch:
            digest = content_hash(document)
            known = self._connection.execute("SELECT hash FROM seen WHERE id = ?", (document.id,)).fetchone()
            if known is None:
                self._connection.execute("INSERT INTO seen VALUES (?, ?)", (document.id, digest))
                first.append(document)
            elif known[0] == digest:
                self._counts["unchanged"] += 1
            else:
                where = f", the second in {document.source}" if document.source else ""
                raise DuplicateIdError(f"two documents have the id {document.id!r}{where}; give each its own")
        return first

    def _encode(self, prepared: list[Prepared]) -> Encoded:
        """Vectors of all passages of a batch; a text that occurs twice is encoded once."""
        texts = [text for one in prepared for text in one.texts()]
        if self._dry_run or not texts:
            nothing = np.zeros((len(texts), 0), np.float32)
            return Encoded(nothing, np.zeros(len(texts), np.int64))
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        encoded = self._encoder.encode_counted(list(places), Role.DOCUMENT)
        order = [places[text] for text in texts]
        return Encoded(unit_length(encoded.vectors)[order], encoded.cut[order])

    def _commit(self, prepared: list[Prepared], future: Future[Encoded]) -> None:
        encoded = future.result()
        if prepared and not self._dry_run:
            self._writer.commit(prepared, encoded)
        self._counts["passages"] += len(encoded.cut)
        self._counts["truncated"] += encoded.truncated
        self._counts["tokens_cut"] += encoded.tokens_cut
        self._progress(self.report)

    def _prune(self, sources: Sequence[str]) -> None:
        """Remove documents that come from below one of the sources and were not seen in this run."""
        gone: list[str] = []
        for source in sources:
            rows = self._connection.execute(
                "SELECT id FROM documents WHERE id NOT IN (SELECT id FROM seen) "
                "AND (source = ?1 OR substr(source, 1, length(?1) + 1) = rtrim(?1, '/') || '/')",
                (source,),
            )
            gone += [row[0] for row in rows]
        gone = list(dict.fromkeys(gone))
        if gone and not self._dry_run:
            self._writer.delete(gone)
        self._counts["removed"] += len(gone)


def unit_length(vectors: Float32) -> Float32:
    """Rows scaled to length 1, so that their inner product is the cosine; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


def _refuse_takeover(document: Document, known: Stored) -> None:
    """Two files must not take turns under one id; a file that was moved may keep its own."""
    if known.source in (None, document.source) or document.source is None:
        return
    if Path(known.source).exists():
        raise DuplicateIdError(
            f"the id {document.id!r} of {document.source} belongs to {known.source} in this collection; "
            "index one of them into another collection, or rename its folder"
        )


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if characters >= BATCH_CHARACTERS or len(batch) >= BATCH_DOCUMENTS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
