"""Bring a collection up to date with a stream of documents, encoding only what has changed.

Documents stream through in batches; while one batch is encoded, the next is read and split and the one
before is committed. Memory therefore does not grow with the corpus, and a run that is interrupted
leaves every batch but the last two.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from semsearch.common.documents import Document
from semsearch.common.errors import DuplicateIdError, InputError
from semsearch.common.unicode import replace_surrogates
from semsearch.encoder import Encoded, Encoder
from semsearch.storage.prepare import EncodedPassages, Prepared, encode_prepared, prepare
from semsearch.storage.settings import CollectionSettings
from semsearch.storage.tables.documents import KnownDocument, content_hash, encode_metadata
from semsearch.storage.writer import Writer

__all__ = ["Sync", "SyncReport", "identify"]

BATCH_CHARACTERS = 250_000
BATCH_DOCUMENTS = 4096
"""A batch is committed at one of the two: every few seconds on a small machine."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a write did, or with a dry run would do; all numbers count documents but the last three."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    empty: int = 0
    skipped: int = 0
    passages: int = 0
    truncated: int = 0
    tokens_cut: int = 0


def identify(item: Document | str) -> Document:
    """A document with an id, without lone surrogates, which no file can hold, and with metadata of plain JSON.

    A text without an id is named by its content, so that adding it again changes nothing.
    """
    document = Document(item) if isinstance(item, str) else item
    if not isinstance(document, Document) or not isinstance(document.text, str):
        raise InputError(f"a document must be a string or a semsearch.Document with a text, not {item!r:.80}")
    for name in ("id", "title", "source"):
        value = getattr(document, name)
        if not isinstance(value, str | None) or (name == "id" and value == ""):
            raise InputError(f"the {name} of a document is {value!r:.80}; it must be a string, or left out")
    document = _replace_surrogates(document)
    if document.metadata != {}:
        document = replace(document, metadata=_normalise_metadata(document))
    return document if document.id is not None else replace(document, id=content_hash(document).hex()[:16])


def _replace_surrogates(document: Document) -> Document:
    fields = {name: getattr(document, name) for name in ("text", "id", "title", "source")}
    changed: dict[str, Any] = {
        name: storable
        for name, value in fields.items()
        if value is not None and (storable := replace_surrogates(value)) != value
    }
    return replace(document, **changed) if changed else document


def _normalise_metadata(document: Document) -> dict[str, Any]:
    """The metadata as they will be read back: keys are strings, tuples are lists."""
    try:
        plain: dict[str, Any] = json.loads(replace_surrogates(encode_metadata(document.metadata)))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the metadata of document {document.id!r} cannot be stored as JSON: {error}") from error
    return plain


class Sync:
    """One run over a stream of documents; a dry run plans everything and changes nothing.

    ``check`` is called before the first text is encoded; what it raises ends the run.
    """

    def __init__(
        self,
        writer: Writer,
        settings: CollectionSettings,
        encoder: Encoder,
        *,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._writer = writer
        self._settings = settings
        self._encoder = encoder
        self._dry_run = dry_run
        self._progress = progress or (lambda _: None)
        self._check = check
        self._counts: Counter[str] = Counter()

    def run(self, documents: Iterable[Document | str], prune: Sequence[str] | None) -> SyncReport:
        """Add what is new, replace what changed, and remove what is gone from the sources ``prune``."""
        pool = ThreadPoolExecutor(max_workers=1)
        try:
            self._stream(documents, pool)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # nobody waits for what is encoded in vain
            raise
        pool.shutdown()
        if prune is not None:
            self._prune(prune)
        if not self._dry_run:
            self._writer.maintain()
        return self.report

    def _stream(self, documents: Iterable[Document | str], pool: Executor) -> None:
        pending: tuple[list[Prepared], Future[EncodedPassages]] | None = None
        for batch in _split_batches(map(identify, documents)):
            prepared = self._plan(batch)
            future = pool.submit(self._encode, prepared)
            if pending:
                self._commit(*pending)
            pending = (prepared, future)
        if pending:
            self._commit(*pending)

    @property
    def report(self) -> SyncReport:
        """What has been done up to now."""
        return SyncReport(**self._counts)

    def _plan(self, batch: list[Document]) -> list[Prepared]:
        """Sort a batch into new, changed and unchanged; return what must be encoded, split."""
        distinct = [document for document in batch if self._writer.see(document)]
        self._counts["unchanged"] += len(batch) - len(distinct)
        known_documents = self._writer.read_known([str(document.id) for document in distinct])
        fresh: list[Document] = []
        described: list[Document] = []
        blank: list[str] = []
        for document in distinct:
            known = known_documents.get(str(document.id))
            if known:
                _refuse_takeover(document, known)
            if not document.text.strip():
                self._counts["empty"] += 1
                blank += [str(document.id)] if known else []
            elif known and known.hash == content_hash(document):
                self._counts["unchanged"] += 1
            else:
                self._counts["updated" if known else "added"] += 1
                same_vectors = known is not None and self._writer.has_text(known, document)
                (described if same_vectors else fresh).append(document)
        if not self._dry_run:
            self._write_now(described, blank)
        self._counts["removed"] += len(blank)
        return prepare(fresh, self._settings, self._encoder)

    def _write_now(self, described: list[Document], blank: list[str]) -> None:
        if described:
            self._writer.describe(described)
        if blank:
            self._writer.delete(blank)

    def _encode(self, prepared: list[Prepared]) -> EncodedPassages:
        """Vectors of all passages of a batch."""
        if self._dry_run:
            count = sum(len(document.spans) for document in prepared)
            return EncodedPassages(Encoded(np.zeros((count, 0), np.float32), np.zeros(count, np.int64)))
        if prepared and self._check:  # once, and only if anything is to be encoded
            self._check()
            self._check = None
        return encode_prepared(prepared, self._settings, self._encoder)

    def _commit(self, prepared: list[Prepared], future: Future[EncodedPassages]) -> None:
        encoded = future.result()
        if prepared and not self._dry_run:
            self._writer.commit(prepared, encoded)
        self._counts["passages"] += len(encoded.pooled.cut)
        self._counts["truncated"] += encoded.pooled.truncated
        self._counts["tokens_cut"] += encoded.pooled.tokens_cut
        self._progress(self.report)

    def _prune(self, sources: Sequence[str]) -> None:
        """Remove documents that come from below one of the sources and were not seen in this run."""
        gone = list(
            dict.fromkeys(id_ for source in sources for id_ in self._writer.unseen_ids(replace_surrogates(source)))
        )
        if gone and not self._dry_run:
            self._writer.delete(gone)
        self._counts["removed"] += len(gone)


def _refuse_takeover(document: Document, known: KnownDocument) -> None:
    """Two files must not take turns under one id; a file that was moved may keep its own."""
    if known.source in (None, document.source) or document.source is None:
        return
    if os.path.exists(known.source):  # noqa: PTH110 - a source may be any text, which Path refuses
        raise DuplicateIdError(
            f"the id {document.id!r} of {document.source} belongs to {known.source} in this collection; "
            "index one of them into another collection, or rename its folder"
        )


def _split_batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
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
