"""The command line. Each command parses, calls the library, and renders."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run ``semsearch`` with the arguments of this process, and exit."""
    from semsearch.cli.program import program

    _write_any_text()
    program(prog_name="semsearch")


def _write_any_text() -> None:
    """Files and pipes get UTF-8 on every platform; a terminal of another encoding gets escapes for the rest."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = None if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
