"""Files that a user hands over: open ones, or their paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from semsearch.common.durable import write_beside
from semsearch.common.errors import InputError

__all__ = ["open_source", "open_target"]


@contextmanager
def open_source(source: IO[bytes] | str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """What a user wants read: an open file, or the path of one; raises :class:`InputError` if it cannot be opened."""
    if not isinstance(source, str | os.PathLike):
        yield source
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - closed below; errors of the block are not the file's
    except (OSError, ValueError) as error:
        raise InputError(f"{source} cannot be read ({error}); give a file that can be") from error
    with file:
        yield file


@contextmanager
def open_target(target: IO[bytes] | str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """What a user wants written to: an open file, or the path of one, which appears when it is whole.

    Raises :class:`InputError` for a path that exists, or that cannot be written to.
    """
    if not isinstance(target, str | os.PathLike):
        yield target
        return
    path = Path(target)
    if path.exists():
        raise InputError(f"{path} exists already; remove it, or choose another name")
    try:
        with write_beside(path) as file:
            yield file
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); choose another place") from error
