"""The command line. Each command parses, calls the library, and renders."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run ``semsearch`` with the arguments of this process, and exit."""
    from semsearch.cli.streams import ReaderGoneError, prepare_streams

    prepare_streams()
    from semsearch.cli.program import program
    from semsearch.common.errors import SemsearchError

    try:
        program(prog_name="semsearch")
    except SystemExit as end:
        _leave(end.code)
    except ReaderGoneError:
        _leave(1)
    except SemsearchError as error:  # where --help is printed, nobody else is there to tell it
        _tell(error)
        _leave(1)
    _leave(0)


def _leave(status: str | int | None) -> NoReturn:
    """End the process at once: taking the inference runtime down in good order is a sixth of a search's time.

    All that must be written has been: collections are closed by their commands, and output is flushed here.
    """
    from semsearch.cli.streams import flush_streams
    from semsearch.common.errors import SemsearchError

    code = status if isinstance(status, int) else int(status is not None)
    try:
        flush_streams()
    except SemsearchError as error:
        if code == 0:
            _tell(error)
        code = code or 1
    os._exit(code)


def _tell(error: Exception) -> None:
    sys.stderr.write(f"error: {error}\n")
