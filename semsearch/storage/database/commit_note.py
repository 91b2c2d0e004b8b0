"""A note beside the database of the last commit, by which lost commits are noticed.

SQLite takes a damaged frame of its write-ahead log for the torn end of a write, and forgets it with all that follow.
The note is written after a commit and not fsynced: it may be missing or old, but never ahead of what is durable.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path

from semsearch.storage.database.errors import damage_error

__all__ = ["NOTE", "check_commits", "last_noted", "note_commit"]

NOTE = "committed"


def note_commit(folder: Path, generation: int) -> None:
    """Note that this generation is durable; where that is impossible, there is no note."""
    number = str(generation).encode()
    with suppress(OSError):
        descriptor = os.open(folder / NOTE, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, b"%-20s %08x\n" % (number, zlib.crc32(number)))  # always as long
        finally:
            os.close(descriptor)


def last_noted(folder: Path) -> int:
    """The generation that was noted last; 0 if there is no note, or none that can be read."""
    with suppress(OSError, ValueError):
        number, crc = (folder / NOTE).read_bytes().split()
        if int(crc, 16) == zlib.crc32(number):
            return int(number)
    return 0


def check_commits(folder: Path, generation: int, noted: int) -> None:
    """Raise if the database has a state older than one that was ``noted`` before it was read."""
    if generation < noted:
        raise damage_error(
            folder, f"it has commit {generation}, but {noted} was the last: its write-ahead log is damaged"
        )
