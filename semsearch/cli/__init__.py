"""The command line. Each command parses, calls the library, and renders."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run ``semsearch`` with the arguments of this process, and exit."""
    from semsearch.cli.program import program

    program(prog_name="semsearch")
