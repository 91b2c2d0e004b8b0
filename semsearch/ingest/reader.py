"""The reader: paths in, documents out."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from semsearch.common.documents import Document
from semsearch.common.errors import InputError, RecordError
from semsearch.ingest.files import NAMELESS, STDIN, File, FileSearch, is_gone, refusal
from semsearch.ingest.formats.format import Fields, Format
from semsearch.ingest.formats.packing import open_packed, split_packing
from semsearch.ingest.formats.records import locate
from semsearch.ingest.formats.streams import Counted
from semsearch.ingest.patterns import Patterns

__all__ = ["NameFile", "Reader"]

_DEFAULTS = Fields()
_MESSAGES_KEPT = 10
_DIGITS = 16
"""Hexadecimal digits that tell the documents of pipes apart."""

NameFile = Callable[[File], str]
"""Chooses one of a file's names."""


class Reader:
    """Yields the documents of files, folders and standard input (``-``), one at a time.

    Paths that are not there raise InputError at once, unless ``allow_missing``; a broken record raises RecordError when
    it is reached, or is skipped with ``skip_bad``.

    - ``bytes_total``: bytes in all files, none if standard input is among them;
    - ``bytes_read``: bytes read so far;
    - ``skipped``, ``messages``: how many records were skipped, and what the first ten errors said;
    - ``ignored``: how many files in folders were left out because their kind is not known, and ``unreadable`` because
      it needs a library that is not installed, and ``excluded`` by rules and options, a folder being one;
    - ``sources``: the paths given as absolute POSIX strings, and ``-`` for standard input;
    - ``missing``: those of them that are not there, with what to say of it;
    - ``whole``: the sources of files that have been read to their end with nothing skipped, and ``partial`` of others.
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
        self._files = tuple(search.files.values())
        self._fields = fields
        self._skip_bad = skip_bad
        self._stdin = stdin
        self._begun: Iterator[tuple[File, Document]] | None = None
        self.sources: tuple[str, ...] = tuple(search.roots)
        self.missing: Mapping[str, InputError] = search.missing
        self.ignored: int = len(search.left_out - search.files.keys())
        self.unreadable: int = len(search.unreadable - search.files.keys())
        self.excluded: int = search.excluded
        self.bytes_total: int | None = _total_size(self._files)
        self._restart()

    def __iter__(self) -> Iterator[Document]:
        """Read from the start, and call every file as it was given; the counts start anew."""
        return self.read(lambda file: file.names[0])

    def is_empty(self) -> bool:
        """Whether there is no document; reads the first one, which shows bad input before anything is made."""
        documents = self._read_files()
        first = next(documents, None)
        self._begun = documents if first is None else chain([first], documents)
        return first is None

    def read(self, name_file: NameFile) -> Iterator[Document]:
        """As by iteration, with the files' names as the caller chooses them; each is asked for when it is needed."""
        documents = self._begun or self._read_files()
        self._begun = None
        named: tuple[File, str] | None = None
        for file, document in documents:
            if file.path is None:
                yield _name_by_content(document, file)
                continue
            if named is None or named[0] is not file:
                named = (file, name_file(file))
            identifier = document.id or ""
            is_nameless = identifier.startswith(NAMELESS)
            yield replace(document, id=named[1] + identifier.removeprefix(NAMELESS)) if is_nameless else document

    def lacks(self, source: str, found_at: str) -> bool:
        """Whether what was not read of a source, which was found at a path, is known to be gone.

        It is if the file is, or was read to its end. Nothing is known of a file in which records were skipped, or that
        was not read because of a pattern.
        """
        if source in self.partial:
            return False
        return source in self.whole or (source != STDIN and is_gone(found_at))

    def _read_files(self) -> Iterator[tuple[File, Document]]:
        """The documents of all files, as yet without the files' names."""
        self._restart()
        for file in self._files:
            skipped = self.skipped
            for item in self._read(file):
                if isinstance(item, Document):
                    yield file, item
                elif self._skip_bad:
                    self._skip(item)
                else:
                    raise RecordError(f"{item}, or skip it with --skip-bad")
            (self.whole if self.skipped == skipped else self.partial).add(file.origin.source)

    def _restart(self) -> None:
        self.bytes_read = self.skipped = 0
        self.messages: list[str] = []
        self.whole: set[str] = set()
        self.partial: set[str] = set()

    def _read(self, file: File) -> Iterator[Document | RecordError]:
        """The documents of one file, and errors where its broken records are."""
        try:
            with self._open(file) as stream:
                buffered: BufferedReader = BufferedReader(Counted(stream, self._count))
                packing = None if file.path is None else split_packing(file.path)[1]
                content = buffered if packing is None else open_packed(buffered, packing)
                yield from file.format.read(file.origin, content, self._fields)
        except RecordError as error:  # of the stream itself, wherever in the file that is
            yield locate(error, file.origin.label)
        except OSError as error:
            raise refusal(Path(file.origin.label), error) from error

    def _open(self, file: File) -> AbstractContextManager[BinaryIO]:
        if file.path is None:
            return nullcontext(sys.stdin.buffer if self._stdin is None else self._stdin)
        return file.path.open("rb")

    def _count(self, size: int) -> None:
        self.bytes_read += size

    def _skip(self, error: RecordError) -> None:
        self.skipped += 1
        if len(self.messages) < _MESSAGES_KEPT:
            self.messages.append(str(error))


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
