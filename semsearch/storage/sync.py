"""Bring a collection up to date with a stream of documents, encoding only what has changed.

Documents stream through in batches; while one batch is encoded, the next is read and split and the one
before is committed. Memory therefore does not grow with the corpus, and a run that is interrupted
leaves every batch but the last two.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32
from semsearch.common.documents import MOST_NESTED, Document, is_nested_deeper
from semsearch.common.errors import NONSENSE, DuplicateIdError, InputError
from semsearch.common.unicode import replace_surrogates
from semsearch.encoder import Encoder
from semsearch.ingest.reader import Reader
from semsearch.ingest.stamps import Stamp
from semsearch.storage.encoding import EncodedPassage, EncodedPassages, Known, encode_new, join_passages
from semsearch.storage.nonsense import encode_nonsense
from semsearch.storage.prepare import prepare
from semsearch.storage.prepared import Prepared
from semsearch.storage.settings import CollectionSettings
from semsearch.storage.tables.documents import KnownDocument, content_hash, encode_metadata
from semsearch.storage.writer import Writer

__all__ = ["MayRemove", "Sync", "SyncReport", "identify"]

NOT_ENCODED = EncodedPassage(np.zeros(0, np.float32), 0, 0)
"""Stands for a vector in a dry run."""
BATCH_CHARACTERS = 250_000
BATCH_DOCUMENTS = 4096
"""A batch is committed at one of the two: every few seconds on a small machine."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a write did, or with a dry run would do; the first six numbers count documents, the next two files.

    ``moved`` files were found at another place, ``gone`` ones nowhere, and their documents are kept, as nobody wanted
    them to be removed.
    ``passages`` were encoded, for which the model read ``tokens``; ``reused`` had been before, or came with a vector.
    ``truncated`` passages were longer than the model reads, by ``tokens_cut``; ``unknown`` ones have tokens that its
    vocabulary has not, ``tokens_unknown`` of them. Reading and parsing took so many seconds, and encoding so many
    others, at the same time.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    empty: int = 0
    skipped: int = 0
    moved: int = 0
    gone: int = 0
    passages: int = 0
    reused: int = 0
    truncated: int = 0
    tokens_cut: int = 0
    unknown: int = 0
    tokens_unknown: int = 0
    tokens: int = field(default=0, compare=False)
    reading_seconds: float = field(default=0.0, compare=False)
    encoding_seconds: float = field(default=0.0, compare=False)


MayRemove = Callable[[str, Sequence[str], int], bool]
"""Whether the documents of these ids may be removed, which are gone from a source, of how many there are of it."""


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
    if document.vector is not None:
        document = replace(document, vector=_copy_vector(document))
    if document.metadata != {}:
        document = replace(document, metadata=_normalise_metadata(document))
    return document if document.id is not None else replace(document, id=_name_by_content(document))


def _copy_vector(document: Document) -> npt.ArrayLike:
    """A document's own vector, which the caller may change while it waits to be stored."""
    try:
        vector = np.array(document.vector)
    except ValueError:  # lists of several lengths
        vector = np.zeros((0, 0))
    if vector.ndim != 1:
        raise InputError(
            f"the vector of document {document.id!r} is no list of numbers, but of shape {vector.shape}; "
            "give numbers[dimension]"
        )
    return vector


def _name_by_content(document: Document) -> str:
    digest = content_hash(document)
    if document.vector is not None:
        digest = hashlib.sha256(digest + np.asarray(document.vector).tobytes()).digest()
    return digest.hex()[:16]


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
    except NONSENSE as error:
        raise InputError(f"the metadata of document {document.id!r} cannot be stored as JSON: {error}") from error
    if is_nested_deeper(plain):
        raise InputError(f"the metadata of document {document.id!r} are nested deeper than {MOST_NESTED} levels")
    return plain


class Sync:
    """One run over a stream of documents; a dry run plans everything and changes nothing.

    ``load_encoder`` is called when there is something to be split, and ``check`` before the first text is encoded; what
    they raise ends the run. ``may_remove`` is asked before documents that are gone from a source are removed.
    """

    def __init__(
        self,
        writer: Writer,
        settings: CollectionSettings,
        load_encoder: Callable[[], Encoder],
        *,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
        check: Callable[[], None] | None = None,
        may_remove: MayRemove | None = None,
    ) -> None:
        self._writer = writer
        self._settings = settings
        self._load_encoder = load_encoder
        self._dry_run = dry_run
        self._progress = progress or (lambda _: None)
        self._check = check
        self._may_remove = may_remove
        self._encoded_last: dict[bytes, EncodedPassage] = {}
        self._counts: Counter[str] = Counter()
        self._reading_seconds = self._encoding_seconds = 0.0
        self._tokens = 0
        self._reader: Reader | None = None
        self._documents: Counter[str] = Counter()
        self._moved: list[str] = []
        self._finished: set[str] = set()
        self._unsettled: dict[str, Stamp] = {}

    def run(self, documents: Iterable[Document | str], prune: Sequence[str] | None) -> SyncReport:
        """Add what is new, replace what changed, and remove what is gone from the sources ``prune``.

        The files of a :class:`Reader` are called as the collection knows them.
        """
        reader = self._reader = documents if isinstance(documents, Reader) else None
        if reader:
            self._refuse_missing(reader)
            documents = map(self._writer.tell_apart, reader.read(self._writer))
        pool = ThreadPoolExecutor(max_workers=1)
        try:
            self._stream(documents, pool)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # nobody waits for what is encoded in vain
            raise
        pool.shutdown()
        self._follow_moved()
        for source in dict.fromkeys(map(replace_surrogates, prune or ())):
            self._prune(source, reader)
        if reader and not prune:
            self._counts["gone"] = len(self._writer.gone_files(self._finished))
        if not self._dry_run:
            if reader:
                self._writer.forget_leftovers((self._finished & reader.whole) - reader.single)
            self._writer.maintain()
            self._writer.indexes.renew_background(self._encode_nonsense)
        return self.report

    def _encode_nonsense(self) -> Float32:
        self._check_encoder()
        return encode_nonsense(self._load_encoder())

    def _check_encoder(self) -> None:
        """Check the encoder once, before it encodes the first text."""
        if self._check:
            self._check()
            self._check = None

    def _refuse_missing(self, reader: Reader) -> None:
        """A path that is not there is a mistake, unless documents came from it once."""
        for root, error in reader.missing.items():
            if not self._writer.documents_of(root)[0]:
                raise error

    def _stream(self, documents: Iterable[Document | str], pool: Executor) -> None:
        pending: _Planned | None = None
        for batch in _split_batches(map(identify, self._time_reading(documents))):
            prepared, finished = self._plan(batch), self._take_finished()
            future = pool.submit(self._encode, prepared, self._writer.read_encoded(prepared))
            if pending:
                self._commit(pending)
            pending = _Planned(prepared, finished, future)
        if pending:
            self._commit(pending)
        self._finish_files(self._take_finished())
        if self._reader:
            self._counts.update(unchanged=self._reader.unread, skipped=self._reader.skipped)

    def _time_reading(self, documents: Iterable[Document | str]) -> Iterator[Document | str]:
        begin = time.perf_counter()
        for document in documents:
            self._reading_seconds += time.perf_counter() - begin
            yield document
            begin = time.perf_counter()

    def _take_finished(self) -> dict[str, Stamp]:
        """The files all whose documents have been planned up to now."""
        if self._reader is None:
            return {}
        stamps = self._reader.take_stamps()
        return {
            source: stamp if stamp.documents else replace(stamp, documents=self._documents.pop(source, 0))
            for source, stamp in stamps.items()
        }

    def _finish_files(self, stamps: Mapping[str, Stamp]) -> None:
        """Note files whose documents have been added; those that another file's content has moved to."""
        settled: dict[str, Stamp] = {}
        for source, stamp in stamps.items():
            moved = self._writer.find_moved(source, stamp) if stamp.documents else []
            self._moved += moved
            (self._unsettled if moved else settled)[source] = stamp
        self._finished.update(stamps)
        if not self._dry_run:
            self._writer.finish_files(settled)

    def _follow_moved(self) -> None:
        """Remove the documents of files that have moved: they are those of the new place now."""
        self._counts["moved"] = len(set(self._moved))
        gone = self._writer.ids_of_sources(sorted(set(self._moved)))
        self._counts["removed"] += len(gone)
        if not self._dry_run and self._moved:
            self._writer.delete(gone)
            self._writer.finish_files(self._unsettled)

    @property
    def report(self) -> SyncReport:
        """What has been done up to now."""
        seconds = round(self._reading_seconds, 3), round(self._encoding_seconds, 3)
        return SyncReport(**self._counts, tokens=self._tokens, reading_seconds=seconds[0], encoding_seconds=seconds[1])

    def _plan(self, batch: list[Document]) -> list[Prepared]:
        """Sort a batch into new, changed and unchanged; return what must be added, split."""
        distinct = [document for document in batch if self._writer.see(document)]
        self._counts["unchanged"] += len(batch) - len(distinct)
        known_documents = self._writer.read_known([str(document.id) for document in distinct])
        changed: list[Document] = []
        for document in distinct:
            known = known_documents.get(str(document.id))
            if known:
                _refuse_takeover(document, known)
            if known and known.hash == content_hash(document) and document.vector is None:
                self._counts["unchanged"] += 1
            else:
                changed.append(document)
        prepared = prepare(changed, self._settings, self._load_encoder()) if changed else []
        count = len(prepared)
        prepared = [one for one in prepared if not self._is_stored(one, known_documents.get(str(one.document.id)))]
        self._counts["unchanged"] += count - len(prepared)
        kept = [document for document in prepared if document.spans]
        blank = {str(document.document.id) for document in prepared if not document.spans}
        updated = sum(str(document.document.id) in known_documents for document in kept)
        self._documents.update(str(one.source) for one in distinct if str(one.id) not in blank)
        self._counts.update(empty=len(blank), updated=updated, added=len(kept) - updated)
        gone = [identifier for identifier in blank if identifier in known_documents]
        self._counts["removed"] += len(gone)
        if gone and not self._dry_run:
            self._writer.delete(gone)
        return kept

    def _is_stored(self, prepared: Prepared, known: KnownDocument | None) -> bool:
        """Whether a document that brings its vector along is there with this very vector."""
        if prepared.vector is None or known is None or known.hash != content_hash(prepared.document):
            return False
        return self._writer.has_vector(str(prepared.document.id), prepared.vector)

    def _encode(self, prepared: list[Prepared], stored: Known) -> tuple[EncodedPassages | None, int]:
        """Vectors of all passages of a batch, ``None`` in a dry run, and how many had to be encoded.

        What was encoded for the batch before is not ``stored`` yet. Batches are encoded one after the other.
        """
        given = {one.digests()[0]: EncodedPassage(one.vector, 0, 0) for one in prepared if one.vector is not None}
        known = {**self._encoded_last, **stored, **given}
        if self._dry_run:
            digests = {digest for document in prepared for digest in document.digests()}
            self._encoded_last |= dict.fromkeys(digests, NOT_ENCODED)
            return None, len(digests - known.keys())
        if any(digest not in known for document in prepared for digest in document.digests()):
            self._check_encoder()
        begin = time.perf_counter()
        self._encoded_last = encode_new(prepared, self._settings, self._load_encoder(), known) if prepared else {}
        self._encoding_seconds += time.perf_counter() - begin
        self._tokens += sum(passage.tokens for passage in self._encoded_last.values())
        encoded = join_passages(prepared, {**known, **self._encoded_last}, self._settings)
        return encoded, len(self._encoded_last)

    def _commit(self, planned: _Planned) -> None:
        prepared = planned.prepared
        encoded, count = planned.encoded.result()
        self._finish_files(planned.finished)
        self._counts["passages"] += count
        self._counts["reused"] += sum(len(document.spans) for document in prepared) - count
        if prepared and encoded:
            self._writer.commit(prepared, encoded)
            for name, counts in (("truncated", encoded.pooled.cut), ("unknown", encoded.pooled.unknown)):
                self._counts[name] += int(np.count_nonzero(counts))
            self._counts["tokens_cut"] += encoded.pooled.tokens_cut
            self._counts["tokens_unknown"] += int(encoded.pooled.unknown.sum())
        self._progress(self.report)

    def _prune(self, source: str, reader: Reader | None) -> None:
        """Remove documents that come from a source or from below it, were not seen in this run, and are gone."""
        documents, found_at = self._writer.documents_of(source)
        moved = set(self._moved)  # counted by now, and in a dry run still there
        unseen = [document for document in documents if not document.seen and document.source not in moved]
        if reader:
            unseen = [one for one in unseen if reader.lacks(one.source, found_at.get(one.source, one.source))]
        gone = [document.id for document in unseen]
        if not gone or (self._may_remove and not self._may_remove(source, gone, len(documents))):
            return
        if not self._dry_run:
            self._writer.check_documents(gone)  # a damaged source would seem to be gone
            self._writer.delete(gone)
        self._counts["removed"] += len(gone)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A batch that is being encoded, and the files that it finishes."""

    prepared: list[Prepared]
    finished: Mapping[str, Stamp]
    encoded: Future[tuple[EncodedPassages | None, int]]


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
