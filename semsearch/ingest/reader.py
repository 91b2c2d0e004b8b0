"""The reader: paths in, documents out."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from semsearch.common.documents import Document
from semsearch.common.errors import InputError, RecordError
from semsearch.ingest.files import NAMELESS, File, FileSearch, is_gone, refusal
from semsearch.ingest.foresight import foreseeing
from semsearch.ingest.formats.format import STDIN, Fields, Format
from semsearch.ingest.formats.packing import open_packed, split_packing
from semsearch.ingest.formats.tables.records import locate
from semsearch.ingest.formats.texts.streams import SAMPLE_BYTES, Counted
from semsearch.ingest.patterns import Patterns
from semsearch.ingest.stamps import KnownFiles, Stamp, StampedReading, digest_reading, has_journal, renew_stamp

__all__ = ["Reader"]

_DEFAULTS = Fields()
_MESSAGES_KEPT = 1000
_LOOKED_UP = 500
"""Files whose stamps are looked up at a time."""
_DIGITS = 16
"""Hexadecimal digits that tell the documents of pipes apart."""


class Reader:
    """Yields the documents of files, folders and standard input (``-``), one at a time.

    Paths that are not there raise InputError at once, unless ``allow_missing``. A broken record raises RecordError when
    it is reached, and a file or folder that the system refuses InputError; with ``skip_bad`` both are left out.

    - ``bytes_total``: bytes in all files, none if standard input is among them;
    - ``bytes_read``: bytes read so far, those of unchanged files included;
    - ``skipped``, ``messages``: how many records and files were left out, and what the first 1,000 errors said;
    - ``ignored``: how many files in folders were left out because their kind is not known, and ``unreadable`` because
      it needs a library that is not installed, and ``excluded`` by rules and options, a folder being one;
    - ``sources``: the paths given as absolute POSIX strings, and ``-`` for standard input;
    - ``missing``: those of them that are not there, with what to say of it;
    - ``whole``: the sources of files that have been read to their end with nothing skipped, and ``partial`` of others;
    - ``single``: the sources of files that were read and are one document each;
    - ``unread``: how many documents unchanged files have, which are not read.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        *,
        file_format: Format | None = None,
        fields: Fields = _DEFAULTS,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        largest: int | None = None,
        skip_bad: bool = False,
        allow_missing: bool = False,
        stdin: BinaryIO | None = None,
    ) -> None:
        """Find the files; ``file_format`` holds for all of them.

        Of those in folders ``include`` and ``exclude`` choose by patterns, and ``largest`` by bytes.
        """
        search = FileSearch(file_format, Patterns(include), Patterns(exclude), largest, allow_missing)
        for path in paths:
            search.add(path)
        if search.refused and not skip_bad:
            raise search.refused[0]
        self._refused = [str(error) for error in search.refused]
        self._files = tuple(search.files.values())
        self._fields = fields
        self._skip_bad = skip_bad
        self._stdin = stdin
        self._begun: Iterator[tuple[File, Document]] | None = None
        self._stamps: dict[str, Stamp] = {}
        self.sources: tuple[str, ...] = tuple(search.roots)
        self.missing: Mapping[str, InputError] = search.missing
        self.ignored: int = len(search.left_out - search.files.keys())
        self.unreadable: int = len(search.unreadable - search.files.keys())
        self.excluded: int = search.excluded
        self.bytes_total: int | None = _total_size(self._files)
        self._restart()

    def __iter__(self) -> Iterator[Document]:
        """Read from the start, and call every file as it was given; the counts start anew."""
        return self.read(None)

    def is_empty(self) -> bool:
        """Whether there is no document; reads the first one, which shows bad input before anything is made."""
        documents = self._read_files(None)
        first = next(documents, None)
        self._begun = documents if first is None else chain([first], documents)
        return first is None

    def read(self, known: KnownFiles | None) -> Iterator[Document]:
        """As by iteration, with the files' names as a collection has them; what it knows to be unchanged is not read.

        Each name is asked for when it is needed.
        """
        documents = self._begun or self._read_files(known)
        self._begun = None
        named: tuple[File, str] | None = None
        for file, document in documents:
            if file.path is None:
                yield _name_by_content(document, file)
                continue
            if named is None or named[0] is not file:
                named = (file, known.name_file(file) if known else file.names[0])
            identifier = document.id or ""
            is_nameless = identifier.startswith(NAMELESS)
            yield replace(document, id=named[1] + identifier.removeprefix(NAMELESS)) if is_nameless else document

    def take_stamps(self) -> dict[str, Stamp]:
        """Stamps of the files that were read to their end, or found unchanged anew, since this was last asked."""
        stamps, self._stamps = self._stamps, {}
        return stamps

    def lacks(self, source: str, found_at: str) -> bool:
        """Whether what was not read of a source, which was found at a path, is known to be gone.

        It is if the file is, or was read to its end. Nothing is known of a file in which records were skipped, or that
        was not read because of a pattern.
        """
        if source in self.partial or source in self._passed:
            return False
        return source in self.whole or (source != STDIN and is_gone(found_at))

    def _read_files(self, known: KnownFiles | None) -> Iterator[tuple[File, Document]]:
        """The documents of all files, as yet without the files' names."""
        self._restart()
        for start in range(0, len(self._files), _LOOKED_UP):
            files = self._files[start : start + _LOOKED_UP]
            stamps = known.stamps_of(files) if known else {}
            with foreseeing([file for file in files if file.origin.source not in stamps]) as look_ahead:
                for file in files:
                    look_ahead(file)
                    yield from self._read_changed(file, stamps.get(file.origin.source))

    def _read_changed(self, file: File, stamp: Stamp | None) -> Iterator[tuple[File, Document]]:
        """The documents of a file, unless it is as its stamp says."""
        source, reading = file.origin.source, digest_reading(file.format.name, self._fields)
        unchanged = renew_stamp(file, stamp) if stamp and stamp.reading == reading else None
        if unchanged:
            self._pass_over(file, unchanged, is_new=unchanged != stamp)
            return
        skipped, ids = self.skipped, [""]
        for item in self._read(file, reading):
            if isinstance(item, Document):
                ids = [*ids[-1:], item.id or ""]
                yield file, item
            elif self._skip_bad:
                self._skip(item)
            elif isinstance(item, RecordError):
                raise RecordError(f"{item}, or leave it out with skip_bad=True")
            else:
                raise item
        (self.whole if self.skipped == skipped else self.partial).add(source)
        if ids == ["", NAMELESS]:
            self.single.add(source)
        if source in self.partial:
            self._stamps.pop(source, None)

    def _restart(self) -> None:
        self.bytes_read = self.unread = 0
        self.skipped = len(self._refused)
        self.messages: list[str] = self._refused[:_MESSAGES_KEPT]
        self.whole: set[str] = set()
        self.partial: set[str] = set()
        self.single: set[str] = set()
        self._passed: set[str] = set()
        self._stamps = {}

    def _pass_over(self, file: File, stamp: Stamp, *, is_new: bool) -> None:
        self.unread += stamp.documents
        self._passed.add(file.origin.source)
        self._count(stamp.size)
        if is_new:
            self._stamps[file.origin.source] = stamp

    def _read(self, file: File, reading: bytes) -> Iterator[Document | RecordError | InputError]:
        """The documents of one file, and errors where its broken records are; notes its stamp at the end."""
        try:
            with self._open(file) as stream:
                stamped = None if file.path is None else StampedReading(os.fstat(stream.fileno()))
                counted = Counted(stream, self._count)
                buffered: BufferedReader = BufferedReader(counted, SAMPLE_BYTES)
                packing = None if file.path is None else split_packing(file.path)[1]
                content = buffered if packing is None else open_packed(buffered, packing)
                for item in file.format.read(file.origin, content, self._fields):
                    yield _describe(item, file) if isinstance(item, Document) else item
                if stamped and not has_journal(file):
                    counted.drain()
                    stamp = stamped.end(os.fstat(stream.fileno()), counted.digest(), reading)
                    self._stamps |= {file.origin.source: stamp} if stamp else {}
        except RecordError as error:  # of the stream itself, wherever in the file that is
            yield locate(error, file.origin.label)
        except OSError as error:
            yield refusal(Path(file.origin.label), error)

    def _open(self, file: File) -> AbstractContextManager[BinaryIO]:
        if file.path is None:
            return nullcontext(sys.stdin.buffer if self._stdin is None else self._stdin)
        return Path(file.path).open("rb")

    def _count(self, size: int) -> None:
        self.bytes_read += size

    def _skip(self, error: Exception) -> None:
        self.skipped += 1
        if len(self.messages) < _MESSAGES_KEPT:
            self.messages.append(str(error))


def _describe(document: Document, file: File) -> Document:
    """A document with what is known of its file, if it is all of it: where it is, of which kind, when it was written.

    What the document says of itself under these names holds. Rows and lines are not told: when a table grows, its rows
    do not change.
    """
    if file.status is None or document.id != NAMELESS:
        return document
    modified = datetime.fromtimestamp(file.status.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = {"path": file.relative, "kind": file.format.name, "modified": modified}
    return replace(document, metadata={**known, **document.metadata})


def _name_by_content(document: Document, file: File) -> Document:
    """A document of a pipe, which has no place that another pipe could not have: it is called by what is in it."""
    if not (document.id or "").startswith(NAMELESS):
        return document
    content = json.dumps([document.text, document.title, document.metadata], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]
    return replace(document, id=f"{file.names[0]}:{digest}")


def _total_size(files: Sequence[File]) -> int | None:
    """Bytes in all files, none if that of one is not known."""
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size for size in sizes if size is not None)
