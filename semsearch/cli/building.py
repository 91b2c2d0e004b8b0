"""What ``semsearch index`` is told, as values, and the collection that these ask for."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from semsearch.cli.opening import open_store
from semsearch.cli.options import RunOptions, as_value
from semsearch.common.documents import Metric, Pooling, Unit
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.errors import CollectionError, CollectionExistsError
from semsearch.ingest.formats.format import Fields
from semsearch.ingest.formats.registry import FORMATS
from semsearch.storage.folder import exists

if TYPE_CHECKING:
    from semsearch.encoder import Encoder
    from semsearch.ingest.reader import Reader
    from semsearch.storage.settings import CollectionSettings
    from semsearch.storage.store import Store

__all__ = ["BuildOptions", "ReadOptions", "build_options", "open_or_make", "read_options"]


class _Size(click.ParamType[int]):
    """A number of bytes, such as ``10MB``."""

    name = "size"
    units: ClassVar = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes; a usage error for anything else."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)i?B?\s*", str(value), re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r} is no size; write a number with KB, MB or GB, such as 10MB", param, ctx)
        return round(float(match[1]) * self.units[match[2].upper()])


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Which files are read, and how."""

    kind: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    max_size: int | None
    id_field: str | None
    text_field: str | None
    title_field: str | None
    metadata: str | None
    sql: str | None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ReadOptions:
        """The inverse of :meth:`to_json`; what a newer program has noted besides is left out."""
        values: dict[str, Any] = {field.name: stored.get(field.name) for field in fields(cls)}
        lists = {name: tuple(stored.get(name) or ()) for name in ("include", "exclude")}
        return cls(**(values | lists))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def reader(self, paths: Sequence[str], *, allow_missing: bool = False) -> Reader:
        """A reader of these paths."""
        from semsearch.ingest.reader import Reader

        return Reader(
            list(paths),
            file_format=FORMATS[self.kind] if self.kind else None,
            fields=Fields(self.id_field, self.text_field, self.title_field, self._kept(), self.sql),
            include=self.include,
            exclude=self.exclude,
            largest=self.max_size,
            skip_bad=True,
            allow_missing=allow_missing,
        )

    def _kept(self) -> tuple[str, ...] | None:
        """The fields that become metadata."""
        return None if self.metadata is None else tuple(filter(None, map(str.strip, self.metadata.split(","))))


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a collection is made; ``None`` is what the collection has, or for a new one the default."""

    unit: str | None
    window: int | None
    overlap: int | None
    language: str | None
    metric: str | None
    word_vectors: bool | None
    model: str | None
    pooling: str | None
    layer: int | None
    truncate_dim: int | None
    max_seq_length: int | None
    query_prompt: str | None
    document_prompt: str | None

    @classmethod
    def of_collection(cls) -> BuildOptions:
        """Those that the collection has."""
        return cls(**dict.fromkeys((field.name for field in fields(cls)), None))

    def settings(self) -> CollectionSettings:
        """The settings of a new collection."""
        from semsearch.storage.settings import CollectionSettings

        return CollectionSettings(**self._collect_given(SETTINGS))

    def load_encoder(self, store: Store | None, run: RunOptions, *, keep_options: bool = True) -> Encoder:
        """The encoder: a collection's own, unless another model or other options are given, or that of a new one."""
        from semsearch.encoder import EncoderOptions

        stored = store.definition.encoder if store else None
        stored_options = stored.options.to_json() if stored and keep_options else {}
        model = (stored.model if stored else DEFAULT_MODEL) if self.model is None else self.model
        options = EncoderOptions.from_json({**stored_options, **self._collect_given(ENCODING)})
        return run.load(model, options, local_only=stored is not None and self.model is None)

    @property
    def chooses_encoder(self) -> bool:
        """Whether anything is said of the encoder, which a collection may have otherwise."""
        return bool(self._collect_given(("model", *ENCODING)))

    def refuse_others(self, store: Store) -> None:
        """Refuse options that a collection was not made with."""
        for name, chosen in self._collect_given(SETTINGS).items():
            stored = getattr(store.definition.settings, name)
            if chosen != stored:
                option = name.replace("_", "-")
                raise CollectionError(
                    f"collection {store.name!r} was built with --{option} {stored or 'left out'}, "
                    f"not {chosen}; leave the option out, or index into another collection"
                )

    def _collect_given(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) is not None}


SETTINGS = ("unit", "window", "overlap", "language", "metric", "word_vectors")
ENCODING = ("pooling", "layer", "truncate_dim", "max_seq_length", "query_prompt", "document_prompt")

read_options = as_value(
    ReadOptions,
    "reading",
    "Which files, and how they are read",
    (
        click.option(
            "--as", "kind", type=click.Choice(list(FORMATS)), help="What the files hold.  [default: by extension]"
        ),
        click.option(
            "--include",
            "--glob",
            multiple=True,
            metavar="PATTERN",
            help="Take these files of a folder: '*.py', 'src/**', '*.{md,txt}'.",
        ),
        click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these out, besides .gitignore's."),
        click.option("--max-size", type=_Size(), metavar="SIZE", help="Leave larger ones out: 500KB, 10MB."),
        click.option(
            "--id-field", metavar="NAME", help="Field or column of the id.  [default: id, _id, else numbered]"
        ),
        click.option("--text-field", metavar="NAME", help="Field or column of the text.  [default: text]"),
        click.option("--title-field", metavar="NAME", help="Field or column of the title.  [default: title]"),
        click.option("--sql", metavar="QUERY", help="Of databases, read what this query gives."),
        click.option("--metadata", metavar="A,B", help="Keep these other fields, '' for none.  [default: all]"),
    ),
)
"""Which files are read, and how, as ``reading``."""

build_options = as_value(
    BuildOptions,
    "build",
    "How a new collection is made",
    (
        click.option(
            "--unit", type=click.Choice([unit.value for unit in Unit]), help="What gets a vector.  [default: window]"
        ),
        click.option("--window", type=int, metavar="TOKENS", help="Size of a window.  [default: what the model reads]"),
        click.option("--overlap", type=int, metavar="TOKENS", help="Tokens that windows share.  [default: an eighth]"),
        click.option("--language", metavar="CODE", help="Language code, for sentences and stems.  [default: en]"),
        click.option(
            "--metric",
            type=click.Choice([metric.value for metric in Metric]),
            help="How vectors are compared.  [default: cosine]",
        ),
        click.option(
            "--word-vectors",
            "word_vectors",
            is_flag=True,
            default=None,
            help="Keep a vector of every word, too, for contexts and senses.",
        ),
        click.option("--model", metavar="MODEL", help=f"Folder, name or Hub id.  [default: {DEFAULT_MODEL}]"),
        click.option(
            "--pooling",
            type=click.Choice([pooling.value for pooling in Pooling]),
            help="How tokens become one vector.  [default: the model's]",
        ),
        click.option("--layer", type=int, metavar="N", help="Transformer layer to pool.  [default: -1, the last]"),
        click.option("--truncate-dim", type=int, metavar="N", help="Keep the first N numbers of a vector."),
        click.option("--max-seq-length", type=int, metavar="TOKENS", help="Most tokens read of one passage."),
        click.option("--query-prompt", help="Put before queries.  [default: the model's]"),
        click.option("--document-prompt", help="Put before passages.  [default: the model's]"),
    ),
)
"""How a collection is made, as ``build``."""


@contextmanager
def open_or_make(
    path: Path, build: BuildOptions, run: RunOptions, *, timeout: float | None, dry_run: bool
) -> Iterator[Store]:
    """The collection to write to: opened, or made; a dry run of a new one takes place elsewhere.

    Of a new one nothing is left if nobody commits anything to it.
    """
    if exists(path):
        with closing(_open(path, build, run, timeout)) as store:
            yield store
    elif dry_run:
        with tempfile.TemporaryDirectory() as scratch, closing(_make(Path(scratch) / path.name, build, run)) as store:
            yield store
    else:
        with closing(_make_or_open(path, build, run, timeout)) as store:
            try:
                yield store
            finally:
                store.drop_if_unused()


def _open(path: Path, build: BuildOptions, run: RunOptions, timeout: float | None) -> Store:
    store = open_store(path, timeout=timeout)
    try:
        build.refuse_others(store)
        if build.chooses_encoder:
            store.attach(build.load_encoder(store, run))
        else:
            store.attach_later(lambda: build.load_encoder(store, run))
    except BaseException:
        store.close()
        raise
    return store


def _make(path: Path, build: BuildOptions, run: RunOptions, timeout: float | None = None) -> Store:
    from semsearch.storage.store import Store

    return Store.create(path, build.load_encoder(None, run), build.settings(), timeout=timeout)


def _make_or_open(path: Path, build: BuildOptions, run: RunOptions, timeout: float | None) -> Store:
    """A new collection, or the one that another process has made in the meantime."""
    try:
        return _make(path, build, run, timeout)
    except CollectionExistsError:
        if not exists(path):  # what is there is no collection
            raise
        return _open(path, build, run, timeout)
