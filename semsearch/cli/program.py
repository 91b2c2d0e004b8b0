"""The program: its commands, loaded when they are called, and its errors, printed in one line."""

from __future__ import annotations

import keyword
import sys
import traceback
import warnings
from importlib import import_module
from typing import Any

import click

from semsearch.cli.options import debug_option
from semsearch.cli.streams import ReaderGoneError
from semsearch.common import open_files
from semsearch.common.errors import (
    DamagedIndexWarning,
    SampleWarning,
    SemsearchError,
    TruncationWarning,
    UnknownTokensWarning,
)
from semsearch.common.unicode import one_line

__all__ = ["COMMANDS", "program"]

GROUPS = {
    "Search": {
        "demo": "Index the docs of Python's standard library, and query them.",
        "index": "Build a collection from files, or bring it up to date.",
        "sync": "Bring a collection up to date with all that it was built from.",
        "search": "Find the passages nearest to a query, in meaning and in words.",
        "similar": "Find the documents that are nearest to a stored one.",
    },
    "Survey a collection": {
        "duplicates": "Find passages that are nearly the same, in groups.",
        "clusters": "Show what a collection is about: its clusters and their words.",
        "outliers": "Find passages that are like none of the other documents.",
        "contexts": "Find where a collection has a word in the sense of a sentence.",
        "senses": "Group the places where a collection has a word by its senses.",
    },
    "Look inside a model": {
        "tour": "Walk through what a model does with a text, step by step.",
        "tokenize": "Show the tokens that a model makes of texts.",
        "embed": "Show the vectors that a model makes of texts.",
        "compare": "Show how alike texts are, as wholes or token by token.",
        "nearest": "Find the words of a vocabulary that are nearest to a word.",
        "odd-one-out": "Find the word that does not belong with the others.",
        "analogy": "Find what is to C as B is to A.",
        "fill": "Fill the masks of a text with the likeliest tokens.",
        "prepare": "Convert and compile a model now, so that the first use need not.",
    },
    "Serve": {
        "serve": "Answer programs over HTTP: searches, embeddings, documents.",
    },
    "Look after collections": {
        "list": "List the collections, with their sizes and models.",
        "status": "Describe a collection in figures.",
        "compact": "Remove deleted rows from the files, and build the index anew.",
        "tune": "Choose between speed and recall of a collection's index.",
        "verify": "Compare a collection on disk with its checksums, and mend it.",
        "export": "Write a collection into one file.",
        "import": "Make a collection of a file that export has written.",
        "delete": "Delete documents from a collection.",
        "drop": "Delete a collection with all its files.",
    },
}
"""Name and summary of every command under a heading, so that ``--help`` need not import their modules.

The summary is the first line of the command's own help.
"""

COMMANDS = {name: summary for commands in GROUPS.values() for name, summary in commands.items()}

FORMER_COMMANDS = {"tokens": "nearest"}
"""Names that commands had in the version before; the next version forgets them."""

WRITING = ("demo", "index", "sync")
"""Commands that commit as they go, and go on where they were stopped."""

INTERRUPTED = 130
"""Exit status of a program that was stopped with Ctrl-C, as shells have it."""


class Program(click.Group):
    """Imports a command's module only when that command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """The command of a name, which lives in the module of that name."""
        cmd_name = FORMER_COMMANDS.get(cmd_name, cmd_name)
        return _load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """The list in ``--help``, from the table alone."""
        width = max(map(len, COMMANDS))
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name suggested for a wrong one."""
        if args and args[0] not in COMMANDS | FORMER_COMMANDS and not args[0].startswith("-"):
            from semsearch.common.suggestions import suggest

            hint = suggest(args[0], COMMANDS, "see: semsearch --help")
            raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever goes wrong is one line on stderr, and a status."""
        from semsearch.cli.output.progress import show_messages  # --help does without logging

        with warnings.catch_warnings(), show_messages():
            warnings.simplefilter("ignore")
            for told in (TruncationWarning, UnknownTokensWarning, DamagedIndexWarning, SampleWarning):
                warnings.simplefilter("always", told)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit, click.Abort, ReaderGoneError):
                raise
            except KeyboardInterrupt:
                _tell_stopped(ctx)
            except SemsearchError as error:
                _fail(ctx, open_files.MESSAGE if open_files.comes_of_too_many_files(error) else str(error))
            except Exception as error:  # noqa: BLE001 - the last resort: users never see a traceback unasked
                if open_files.comes_of_too_many_files(error) or open_files.has_no_file_left():
                    _fail(ctx, open_files.MESSAGE)
                _fail(ctx, f"unexpected {type(error).__name__}: {error}; run again with --debug for the details")


def _load_command(name: str) -> click.Command:
    module = name.replace("-", "_")
    if keyword.iskeyword(module):
        module += "_"
    command: click.Command = import_module(f"semsearch.cli.commands.{module}").command
    return command


def _fail(ctx: click.Context, message: str) -> None:
    click.echo(f"error: {one_line(message)}", err=True)
    if ctx.meta.get("semsearch.debug"):
        traceback.print_exc()
    ctx.exit(1)


def _tell_stopped(ctx: click.Context) -> None:
    if sys.stderr.isatty():
        click.echo(err=True)  # the terminal has just shown ^C on the line
    resume = "; what was committed is kept, and the same command goes on from there"
    click.echo(f"stopped{resume if ctx.invoked_subcommand in WRITING else ''}", err=True)
    ctx.exit(INTERRUPTED)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {one_line(message)}", err=True)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        import semsearch

        click.echo(f"semsearch {semsearch.__version__}")
        ctx.exit()


@click.command(
    cls=Program,
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def program() -> None:
    """Semantic similarity search over your own text: local, exact, and open to inspection.

    \b
    semsearch demo
    semsearch index notes ~/notes
    semsearch search notes "what did we decide about the garden?"
    """
