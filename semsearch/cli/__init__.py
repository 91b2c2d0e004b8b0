"""The command line. Each command parses, calls the library, and renders."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run ``semsearch`` with the arguments of this process, and exit."""
    from semsearch.cli.program import program

    _write_any_text()
    try:
        program(prog_name="semsearch")
    except SystemExit as end:
        _leave(end.code)
    _leave(0)


def _write_any_text() -> None:
    """Files and pipes get UTF-8 on every platform; a terminal of another encoding gets escapes for the rest."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = None if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def _leave(status: str | int | None) -> NoReturn:
    """End the process at once: taking the inference runtime down in good order is a sixth of a search's time.

    All that must be written has been: collections are closed by their commands, and output is flushed here.
    """
    code = status if isinstance(status, int) else int(status is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1  # who was reading has gone
    os._exit(code)
