"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.common.environment import DEFAULT_MODEL, indexes_folder
from semsearch.common.errors import InputError

__all__ = [
    "RUN_OPTIONS",
    "check_texts",
    "cli_command",
    "collection_path",
    "collections_folder",
    "debug_option",
    "factory_option",
    "format_option",
    "indexes_option",
    "k_option",
    "model_option",
    "model_options",
    "name_argument",
    "notify",
    "space_options",
    "patient",
    "timeout_option",
]

Command = Callable[..., Any]

RUN_OPTIONS = ("runtime", "device", "precision", "threads")
"""Names of ``model_options``."""

if TYPE_CHECKING:
    from semsearch.storage import Store as Patient

FORMATS = ("table", "json", "jsonl", "csv", "plain")


def cli_command(function: Command) -> click.Command:
    """A command with ``--debug``, its last option; its name is the dispatcher's matter."""
    command = click.command(function)
    command.params.append(debug_option())
    return command


def debug_option() -> click.Option:
    """``--debug``: for the program and for each of its commands."""
    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, callback=_remember_debug, help="Show a traceback for an error."
    )


def _remember_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta["semsearch.debug"] = wanted or ctx.meta.get("semsearch.debug", False)


def name_argument(function: Command) -> Command:
    """``NAME``: a collection, which the shell can complete."""
    return click.argument("name", shell_complete=_complete_name)(function)


def _complete_name(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from semsearch.storage import list_collections

    names = list_collections(indexes_folder(ctx.params.get("indexes")))
    return [name for name in names if name.startswith(incomplete)]


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


def factory_option(function: Command) -> Command:
    """``--factory``: the index that the user wants."""
    return click.option(
        "--factory",
        metavar="STRING",
        help="FAISS factory string of the index to build, such as HNSW32.  [default: auto, the program chooses]",
    )(function)


def k_option(function: Command) -> Command:
    """``-k``: how many results; its range is checked by the library, which says it better."""
    return click.option("-k", type=int, metavar="N", default=10, show_default=True, help="Number of results at most.")(
        function
    )


def timeout_option(function: Command) -> Command:
    """``--timeout``: how long a writing command waits for another process."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Wait this long while another process writes.  [default: 30]",
    )(function)


def patient(collection: Patient, timeout: float | None) -> None:
    """Have a collection wait that long for another writer, and say that it waits."""
    collection.timeout = timeout
    collection.on_wait = notify


def model_options(function: Command) -> Command:
    """What a model runs on."""
    for option in (
        click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Processor threads.  [default: all]"),
        click.option(
            "--precision",
            type=click.Choice(["auto", "f32", "bf16"]),
            default="auto",
            help="Arithmetic.  [default: bf16 where the processor has it]",
        ),
        click.option(
            "--device",
            metavar="DEVICE",
            default="auto",
            help="cpu, cuda, cuda:1 or mps.  [default: the fastest that is there]",
        ),
        click.option(
            "--runtime",
            type=click.Choice(["auto", "openvino", "torch"]),
            default="auto",
            help="What computes.  [default: openvino on a processor where it can, else torch]",
        ),
    ):
        function = option(function)
    return function


def model_option(function: Command) -> Command:
    """``--model``: the encoder of commands that use no collection."""
    return click.option(
        "--model", metavar="MODEL", default=DEFAULT_MODEL, show_default=True, help="Folder, name or Hub id."
    )(function)


def space_options(function: Command) -> Command:
    """Which words there are, and which vectors they have."""
    for option in (
        click.option("--drop", type=int, metavar="N", help="Remove N top components.  [default: 1; 0 for --vectors]"),
        click.option(
            "--center/--no-center", default=None, help="Subtract the mean vector.  [default: yes; no for --vectors]"
        ),
        click.option("--space", metavar="SPACE", help="static, layer:N, layer:N,M or encoded.  [default: layer:1,2]"),
        click.option(
            "--vectors",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Take the words of this file instead: CSV, TSV, word2vec, GloVe, .npy or .safetensors.",
        ),
    ):
        function = option(function)
    return model_option(function)


def collections_folder(indexes: Path | None) -> Path:
    """The folder that collections live in, there or not; raises if a file is in its place."""
    folder = indexes_folder(indexes)
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{folder} is a file, not a folder of collections; name another with --indexes or SEMSEARCH_INDEXES"
        )
    return folder


def collection_path(indexes: Path | None, name: str) -> Path:
    """The folder of a collection; raises for a name that is a path or otherwise not a plain name."""
    from semsearch.storage import check_name

    return collections_folder(indexes) / check_name(name)


def check_texts(texts: Sequence[str]) -> None:
    """Raise for a text that is blank, which is more likely a mistake of the shell's than a question."""
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise InputError(f"text {number} is empty; give a word or a sentence")


def notify(message: str) -> None:
    """Tell the user about slow work on stderr."""
    click.echo(message, err=True)
