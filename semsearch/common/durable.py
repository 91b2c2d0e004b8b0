"""Writes that outlive a crash: a file's bytes are flushed to the disk, and so are the names in its folder.

A file under a new name appears whole or not at all: it is written beside that name, flushed, and renamed.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["flush", "link_or_copy", "sync_folder", "write_beside"]


def flush(file: IO[bytes] | IO[str]) -> None:
    """Make the bytes written so far durable."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames and new files of a folder durable (POSIX only; Windows does so by itself)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def write_beside(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the name ``path``, durable, when the block ends well; nothing is left of it otherwise.

    The caller makes the name durable, with others or alone (:func:`sync_folder`).
    """
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        with scratch.open("xb") as file:
            yield file
            flush(file)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, or a durable copy where there are no links."""
    with suppress(OSError):
        os.link(source, target)
        return
    with source.open("rb") as old, target.open("xb") as new:
        shutil.copyfileobj(old, new)
        flush(new)
