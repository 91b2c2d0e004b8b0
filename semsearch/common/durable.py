"""Writes that outlive a crash: a file's bytes are flushed to the disk, and so are the names in its folder.

A file under a new name appears whole or not at all: it is written beside that name, flushed, and renamed. Files get the
permissions of their folder, so that a private folder has private files, and a shared one shared files.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["create_file", "flush", "share_as_folder", "sync_folder", "write_beside"]


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


def create_file(path: Path) -> IO[bytes]:
    """A new file, open for writing, with the permissions of its folder; raises :class:`FileExistsError`."""
    file = path.open("xb")
    share_as_folder(path)
    return file


def share_as_folder(path: Path) -> None:
    """Let those read and write a file who may read and write in its folder (POSIX only)."""
    if os.name == "posix":
        with suppress(PermissionError):  # of somebody else, who has chosen
            path.chmod(path.parent.stat().st_mode & 0o666)


@contextmanager
def write_beside(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the name ``path``, durable, when the block ends well; nothing is left of it otherwise.

    The caller makes the name durable, with others or alone (:func:`sync_folder`).
    """
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        with create_file(scratch) as file:
            yield file
            flush(file)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
