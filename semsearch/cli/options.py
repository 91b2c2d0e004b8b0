"""Options that several commands share, as values of one type each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from semsearch.common.documents import Precision, RuntimeName
from semsearch.common.environment import DEFAULT_MODEL, indexes_folder
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.encoder import Encoder, EncoderOptions

__all__ = [
    "RunOptions",
    "SpaceOptions",
    "as_value",
    "check_texts",
    "cli_command",
    "collection_path",
    "complete_field",
    "collections_folder",
    "debug_option",
    "factory_option",
    "format_option",
    "indexes_option",
    "k_option",
    "model_option",
    "name_argument",
    "run_options",
    "space_options",
    "timeout_option",
    "where_option",
]

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
Value = TypeVar("Value")

FORMER_OPTIONS = {"--vectors": "--words", "--vector": "--decode", "--tokens": "--word-vectors"}
"""Names that options had in the version before, and have no more; the next version forgets them."""

STYLES = ("table", "json", "jsonl", "csv", "plain")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a model runs on."""

    runtime: str
    device: str
    precision: str
    threads: int | None

    def load(self, model: str, options: EncoderOptions | None = None, *, local_only: bool = False) -> Encoder:
        """The encoder of a model, run so; ``local_only`` fetches nothing."""
        from semsearch.encoder import Encoder

        return Encoder.load(
            model,
            runtime=self.runtime,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            options=options,
            local_only=local_only,
        )

    @property
    def search_device(self) -> str:
        """Where vectors are searched. A GPU must be named, since copying vectors to it takes longer than a search."""
        return self.device if self.device.startswith("cuda") else "cpu"


@dataclass(frozen=True, slots=True)
class SpaceOptions:
    """Which words there are, and which vectors they have."""

    model: str
    file: Path | None
    space: str | None
    center: bool | None
    drop: int | None


class _Command(click.Command):
    """A command whose help has its options under the headings of what they are about.

    An option with one value cannot be given twice: click would take the last one in silence. Options go by their
    former names as well.
    """

    def __init__(self, *arguments: Any, headings: Mapping[str, str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._headings = headings

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but for what is given more than once, and for former names."""
        args = self._rename_former(args)
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in order:
            takes_one = isinstance(option, click.Option) and not (option.multiple or option.is_flag or option.count)
            if takes_one and order.count(option) > 1 and not ctx.resilient_parsing:  # as while a line is completed
                raise click.UsageError(f"{option.opts[0]} is given more than once; give it once", ctx)
        return super().parse_args(ctx, args)

    def _rename_former(self, args: list[str]) -> list[str]:
        """The arguments with the names of today; what comes after -- is no option."""
        known = {name for option in self.params for name in option.opts}
        renamed = {old: new for old, new in FORMER_OPTIONS.items() if old not in known and new in known}
        end = args.index("--") if "--" in args else len(args)
        given = [argument.partition("=") for argument in args[:end]]
        return [renamed.get(name, name) + mark + value for name, mark, value in given] + args[end:]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section a heading; first those without one."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                sections.setdefault(self._headings.get(param.name or "", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def as_value(kind: type[Value], name: str, heading: str, options: Sequence[Decorator]) -> Decorator:
    """Give a command some options, and hand them to it as one dataclass, the argument ``name``.

    In its help they stand under ``heading``.
    """

    def decorate(function: Command) -> Command:
        @wraps(function)
        def call(**given: Any) -> Any:
            values = {field.name: given.pop(field.name) for field in fields(kind)}  # type: ignore[arg-type]
            return function(**given, **{name: kind(**values)})

        own = dict.fromkeys((field.name for field in fields(kind)), heading)  # type: ignore[arg-type]
        call.headings = own | getattr(function, "headings", {})  # type: ignore[attr-defined]
        command: Command = call
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def cli_command(function: Command) -> click.Command:
    """A command with ``--debug``, its last option; its name is the dispatcher's matter."""
    command = click.command(cls=_Command, headings=getattr(function, "headings", {}))(function)
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
    from semsearch.storage.folder import list_collections

    names = list_collections(indexes_folder(ctx.params.get("indexes")))
    return [name for name in names if name.startswith(incomplete)]


def complete_field(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The fields of the collection that was named, for the last word of a filter."""
    from semsearch.collection import Collection
    from semsearch.common.errors import SemsearchError

    before, space, begun = incomplete.rpartition(" ")
    name = ctx.params.get("name") or next(iter(ctx.args), "")  # of a line that is not whole, click has it there
    try:
        with Collection.open(collection_path(ctx.params.get("indexes"), name), timeout=0) as collection:
            fields = ["id", *collection.fields()]
    except SemsearchError:  # an error in the middle of a line would help nobody
        return []
    return [f"{before}{space}{field}" for field in fields if field.startswith(begun)]


indexes_option = click.option(
    "--indexes",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the collections.  [default: $SEMSEARCH_INDEXES, else ./indexes]",
)
"""``--indexes DIR``: the folder that collections live in."""


def format_option(function: Command) -> Command:
    """``--format``: how rows are printed; ``--json`` is the short form that most people try."""
    command = click.option("--json", "style", flag_value="json", help="The same as --format json.")(function)
    return click.option(
        "--format",
        "style",
        type=click.Choice(STYLES),
        help="How to print.  [default: table on a terminal, else plain]",
    )(command)


factory_option = click.option(
    "--factory",
    metavar="STRING",
    help="FAISS factory string of the index to build, such as HNSW32.  [default: auto, the program chooses]",
)
"""``--factory``: the index that the user wants."""

k_option = click.option(
    "-k", "-n", "--limit", "k", type=int, metavar="N", default=10, show_default=True, help="Number of results at most."
)
"""``-k``: how many results; its range is checked by the library, which says it better."""

where_option = click.option(
    "--where",
    metavar="FILTER",
    help="Only documents that fulfil it: year >= 2020.",
    shell_complete=complete_field,
)
"""``--where``: which documents may be found."""

timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait this long while another process writes.  [default: 30]",
)
"""``--timeout``: how long a writing command waits for another process."""

model_option = click.option(
    "--model", metavar="MODEL", default=DEFAULT_MODEL, show_default=True, help="Folder, name or Hub id."
)
"""``--model``: the encoder of commands that use no collection."""

run_options = as_value(
    RunOptions,
    "run",
    "What computes",
    (
        click.option(
            "--runtime",
            type=click.Choice([name.value for name in RuntimeName]),
            default=RuntimeName.AUTO.value,
            help="What computes.  [default: openvino on a processor where it can, else torch]",
        ),
        click.option(
            "--device",
            metavar="DEVICE",
            default="auto",
            help="cpu, cuda, cuda:1 or mps.  [default: the fastest that is there]",
        ),
        click.option(
            "--precision",
            type=click.Choice([precision.value for precision in Precision]),
            default=Precision.AUTO.value,
            help="Arithmetic.  [default: bf16 where the processor has it]",
        ),
        click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Processor threads.  [default: all]"),
    ),
)
"""What a model runs on, as ``run``."""

space_options = as_value(
    SpaceOptions,
    "words",
    "Which words",
    (
        model_option,
        click.option(
            "--words",
            "file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Take the words of this file instead: CSV, TSV, word2vec, GloVe, .npy or .safetensors.",
        ),
        click.option("--space", metavar="SPACE", help="static, layer:N, layer:N,M or encoded.  [default: layer:1,2]"),
        click.option(
            "--center/--no-center", default=None, help="Subtract the mean vector.  [default: yes; no for --words]"
        ),
        click.option("--drop", type=int, metavar="N", help="Remove N top components.  [default: 1; 0 for --words]"),
    ),
)
"""Which words there are, and which vectors they have, as ``words``."""


def collections_folder(indexes: Path | None) -> Path:
    """The folder that collections live in, there or not; raises if a file is in its place."""
    folder = indexes_folder(indexes)
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{folder} is a file, not a folder of collections; name another with --indexes or SEMSEARCH_INDEXES"
        )
    return folder


def collection_path(indexes: Path | None, name: str) -> Path:
    """The folder of a collection: of that name in the folder of collections, or, where there is one, of that path.

    Raises for what is neither a plain name nor the path of a collection.
    """
    from semsearch.storage.folder import check_name, exists

    if Path(name).name != name and exists(Path(name)):
        return Path(name)
    return collections_folder(indexes) / check_name(name)


def check_texts(texts: Sequence[str]) -> None:
    """Raise for a text that is blank, which is more likely a mistake of the shell's than a question."""
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise InputError(f"text {number} is empty; give a word or a sentence")
