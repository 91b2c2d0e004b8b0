"""The reader: paths in, documents out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.files import File, FileSearch, refusal
from semsearch.ingest.formats.format import Fields, Format
from semsearch.ingest.formats.streams import Counted

__all__ = ["Reader"]

_DEFAULTS = Fields()
_MESSAGES_KEPT = 10


class Reader:
    """Yields the documents of files, folders and standard input (``-``), one at a time.

    Paths that are not there raise InputError at once; a broken record raises RecordError when
    it is reached, or is skipped with ``skip_bad``.

    - ``bytes_total``: bytes in all files, none if standard input is among them;
    - ``bytes_read``: bytes read so far;
    - ``skipped``, ``messages``: how many records were skipped, and what the first ten errors said;
    - ``ignored``: how many files in folders were left out because their kind is not known;
    - ``sources``: the paths given as absolute POSIX strings, and ``-`` for standard input.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        *,
        file_format: Format | None = None,
        fields: Fields = _DEFAULTS,
        globs: Sequence[str] = (),
        skip_bad: bool = False,
        stdin: BinaryIO | None = None,
    ) -> None:
        """Find the files; ``file_format`` holds for all of them, ``globs`` choose among those in folders."""
        search = FileSearch(file_format, globs)
        for path in paths:
            search.add(path)
        self._files = tuple(search.files.values())
        self._fields = fields
        self._skip_bad = skip_bad
        self._stdin = stdin
        self.sources: tuple[str, ...] = tuple(search.roots)
        self.ignored: int = len(search.left_out - search.files.keys())
        self.bytes_total: int | None = _total_size(self._files)
        self.bytes_read: int = 0
        self.skipped: int = 0
        self.messages: list[str] = []

    def __iter__(self) -> Iterator[Document]:
        """Read from the start; the counts start anew."""
        self.bytes_read = self.skipped = 0
        self.messages = []
        for file in self._files:
            for item in self._read(file):
                if isinstance(item, Document):
                    yield item
                elif self._skip_bad:
                    self._skip(item)
                else:
                    raise RecordError(f"{item}, or skip it with --skip-bad")

    def _read(self, file: File) -> Iterator[Document | RecordError]:
        """The documents of one file, and errors where its broken records are."""
        try:
            with self._open(file) as stream:
                buffered: BufferedReader = BufferedReader(Counted(stream, self._count))
                yield from file.format.read(file.origin, buffered, self._fields)
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


def _total_size(files: Sequence[File]) -> int | None:
    """Bytes in all files, none if that of one is not known."""
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size for size in sizes if size is not None)
