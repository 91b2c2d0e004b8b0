"""Open files, of which a process may have only so many: an error that comes of it is no damage and no full disk."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack

__all__ = ["MESSAGE", "comes_of_too_many_files", "has_no_file_left"]

MESSAGE = "there are too many open files for this process or this machine; allow more, such as: ulimit -n 1024"
FEW = 16
"""More files than are closed between an error and the question whether it came of them."""
NUMBERS = (errno.EMFILE, errno.ENFILE)


def comes_of_too_many_files(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised for, says that no more files may be opened."""
    while error is not None:
        if (isinstance(error, OSError) and error.errno in NUMBERS) or "too many open files" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def has_no_file_left() -> bool:
    """Whether this process can open next to no file more.

    SQLite and other libraries do not say why they could not open a file, and have closed others when they say so.
    """
    with ExitStack() as opened:
        try:
            for _ in range(FEW):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return error.errno in NUMBERS
    return False
