"""What a kind of file is to the reader: a name, and a function that reads one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError

__all__ = ["STDIN", "Fields", "Format", "Origin", "Read"]

STDIN = "-"
"""The path that stands for standard input."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields or columns that hold a document's parts; all others become its metadata.

    Left out, the id is in ``id`` or else ``_id`` if there is one, the text is in ``text``, and
    the title is in ``title`` if there is one. Of the others ``metadata`` are kept, all if it is left out.
    The records of databases are what the query ``sql`` gives.
    """

    id: str | None = None
    text: str | None = None
    title: str | None = None
    metadata: tuple[str, ...] | None = None
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where documents are from: what stands for the file in their ids, its ``source``, its name in messages.

    ``path`` is where it is, for formats that libraries read by themselves; none for standard input.
    """

    id: str
    source: str
    label: str
    path: str | None = None


Read = Callable[[Origin, BufferedReader, Fields], Iterator[Document | RecordError]]
"""The documents of one file in order, and an error where a record is broken, with the place where it is."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. ``name`` is what ``--as`` takes; its extensions are in ``extensions.py``.

    ``module`` is what extracts it, if a child process does.
    """

    name: str
    read: Read
    module: str | None = None
