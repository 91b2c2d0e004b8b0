"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from semsearch.settings import indexes_folder

__all__ = ["cli_command", "collection_path", "format_option", "indexes_option", "k_option", "model_options", "notify"]

Command = Callable[..., Any]

FORMATS = ("table", "json", "jsonl", "csv", "plain")


def cli_command(function: Command) -> click.Command:
    """A command with ``--debug``; its name is the dispatcher's matter."""
    debug = click.option(
        "--debug", is_flag=True, expose_value=False, callback=_remember_debug, help="Show a traceback for an error."
    )
    return click.command(debug(function))


def _remember_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.find_root().meta["semsearch.debug"] = wanted


def indexes_option(function: Command) -> Command:
    """``--indexes DIR``: the folder that collections live in."""
    return click.option(
        "--indexes",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Folder of the collections.  [default: $SEMSEARCH_INDEXES, else ./indexes]",
    )(function)


def format_option(function: Command) -> Command:
    """``--format``: how rows are printed."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(FORMATS),
        help="How to print.  [default: table on a terminal, else plain]",
    )(function)


def k_option(function: Command) -> Command:
    """``-k``: how many results; its range is checked by the library, which says it better."""
    return click.option("-k", type=int, default=10, show_default=True, help="Number of results.")(function)


def model_options(function: Command) -> Command:
    """What a model runs on."""
    for option in (
        click.option("--threads", type=click.IntRange(min=1), help="Processor threads.  [default: all]"),
        click.option("--precision", type=click.Choice(["auto", "f32", "bf16"]), default="auto", show_default=True),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."),
        click.option("--runtime", type=click.Choice(["auto", "openvino", "torch"]), default="auto", show_default=True),
    ):
        function = option(function)
    return function


def collection_path(indexes: Path | None, name: str) -> Path:
    """The folder of a collection; raises for a name that is a path or otherwise not a plain name."""
    from semsearch.collection import check_name

    return indexes_folder(indexes) / check_name(name)


def notify(message: str) -> None:
    """Tell the user about slow work on stderr."""
    click.echo(message, err=True)
