"""Hidden folders in which something grows that gets its name when it is whole; what a death leaves of them is swept.

Whoever fills such a folder holds a lock on a file in it, which ends with its process. A folder of that name whose lock
is free is therefore nobody's any more.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semsearch.storage.locking import LOCK, try_lock

__all__ = ["growing_folder", "sweep_unfinished"]

UNFINISHED = re.compile(r"\.(new|import)-[0-9a-f]{8}")


@contextmanager
def growing_folder(parent: Path) -> Iterator[Path]:
    """A new hidden folder in ``parent``, which the block renames; if it does not, nothing is left of it.

    What others have left there, who are no more, is removed first.
    """
    sweep_unfinished(parent)
    token = secrets.token_hex(4)
    unlocked, folder = parent / f".{token}", parent / f".new-{token}"
    unlocked.mkdir()
    try:
        with try_lock(unlocked / LOCK):
            unlocked.rename(folder)  # under this name it is swept, unless its lock is held
            yield folder
    finally:
        shutil.rmtree(unlocked, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def sweep_unfinished(parent: Path) -> None:
    """Remove the folders that nobody fills any more."""
    for entry in parent.iterdir() if os.name == "posix" else ():
        if UNFINISHED.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink():
            with suppress(OSError), try_lock(entry / LOCK):
                shutil.rmtree(entry, ignore_errors=True)
