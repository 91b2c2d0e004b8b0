"""What the library logs, on stderr, while a command runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from semsearch.common.unicode import one_line

__all__ = ["show_messages"]


class _ToTerminal(logging.Handler):
    """Prints each message on a line of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        click.echo(one_line(record.getMessage()), err=True)


@contextmanager
def show_messages() -> Iterator[None]:
    """Show messages within the block, from the level INFO on."""
    logger, handler = logging.getLogger("semsearch"), _ToTerminal(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
