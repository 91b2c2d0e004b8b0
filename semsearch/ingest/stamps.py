"""Stamps of files: how each was when it was read, so that what is unchanged is not read again.

Size, time and inode that are as they were say that a file is unchanged, as for git and rsync; else its content does, by
its hash. A file that was written just before it was read may be written again within the same tick of the clock: its
time is not noted.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from semsearch.ingest.files import File
    from semsearch.ingest.formats.format import Fields

__all__ = ["READERS", "KnownFiles", "Stamp", "StampedReading", "digest_reading", "has_journal"]
__all__ += ["renew_stamp"]

READERS = 2
"""Version of what the readers make of files: a change has all files read once more."""
FRESH_NS = 2 * 10**9
"""The coarsest clock of a file system that is in use (FAT)."""
BLOCK = 1 << 20
LARGEST = (1 << 63) - 1
"""Of SQLite's integers; inodes have a bit more."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """How a file was: ``size`` in bytes, ``modified`` in nanoseconds, none if it was fresh, ``inode``.

    ``digest`` is the SHA-256 of its bytes, ``reading`` says how it was read, ``documents`` how many it has.
    """

    size: int
    modified: int | None
    inode: int
    digest: bytes
    reading: bytes
    documents: int = 0


class KnownFiles(Protocol):
    """What a collection knows of files."""

    def name_file(self, file: File) -> str:
        """One of the file's names."""

    def stamps_of(self, files: Sequence[File]) -> dict[str, Stamp]:
        """How files were when all their documents were added, by their sources; none if one has changed since."""


@cache
def digest_reading(format_name: str, fields: Fields) -> bytes:
    """16 bytes that change when the same bytes would be read in another way."""
    values = [READERS, format_name, *astuple(fields)]
    return hashlib.sha256(json.dumps(values).encode()).digest()[:16]


def renew_stamp(file: File, stamp: Stamp) -> Stamp | None:
    """The stamp of a file that is as the stamp says, by its status or else by its content; none if it is not."""
    status = file.status
    if status is None or file.path is None or status.st_size != stamp.size or has_journal(file):
        return None
    if (status.st_mtime_ns, status.st_ino & LARGEST) == (stamp.modified, stamp.inode):
        return stamp
    digest = hashlib.sha256()
    try:
        with Path(file.path).open("rb") as stream:
            reading = StampedReading(os.fstat(stream.fileno()))
            while block := stream.read(BLOCK):
                digest.update(block)
            if digest.digest() != stamp.digest:
                return None
            renewed = reading.end(os.fstat(stream.fileno()), stamp.digest, stamp.reading)
    except OSError:
        return None
    return renewed and replace(renewed, documents=stamp.documents)


class StampedReading:
    """One reading of a file, from a status before it to another one after it."""

    def __init__(self, status: os.stat_result) -> None:
        self._before = status
        self._begun_ns = time.time_ns()

    def end(self, status: os.stat_result, digest: bytes, reading: bytes) -> Stamp | None:
        """The stamp of what was read; none if the file was written to meanwhile."""
        before = self._before
        if (before.st_size, before.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
            return None
        is_fresh = status.st_mtime_ns > self._begun_ns - FRESH_NS
        modified = None if is_fresh else status.st_mtime_ns
        return Stamp(status.st_size, modified, status.st_ino & LARGEST, digest, reading)


def has_journal(file: File) -> bool:
    """Whether a database has rows that are not in its own file yet, which is as it was."""
    journals = (Path(f"{file.path}{end}") for end in ("-wal", "-journal"))
    return file.format.name == "sqlite" and any(journal.exists() for journal in journals)
