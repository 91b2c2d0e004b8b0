"""Questions to whoever sits at the terminal."""

from __future__ import annotations

import sys

import click

from semsearch.common.errors import InputError

__all__ = ["confirm"]


def confirm(question: str) -> bool:
    """Whether the answer is yes; no answer is a no."""
    try:
        answer = click.confirm(question, err=True)
    except (click.Abort, InputError):  # no more input, no input at all, or Ctrl-C
        answer = False
    if not (answer or sys.stdin.isatty()):
        click.echo(err=True)  # where nobody has pressed Enter, what comes next needs a line of its own
    return answer
