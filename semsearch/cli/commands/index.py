"""``semsearch index``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import (
    cli_command,
    collection_path,
    factory_option,
    indexes_option,
    model_options,
    name_argument,
    notify,
    patient,
    timeout_option,
)
from semsearch.cli.output.safe import one_line
from semsearch.cli.output.summary import counted, summary, tell_truncated
from semsearch.common.documents import Document, Metric, Pooling, SyncReport, Unit
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.errors import CollectionError, InputError

if TYPE_CHECKING:
    from semsearch.encoder import Encoder
    from semsearch.ingest import Reader
    from semsearch.query import Collection

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("--unit", type=click.Choice([unit.value for unit in Unit]), help="What gets a vector.  [default: window]")
@click.option("--window", type=int, metavar="TOKENS", help="Size of a window.  [default: what the model reads]")
@click.option("--overlap", type=int, metavar="TOKENS", help="Tokens that windows share.  [default: an eighth]")
@click.option("--language", metavar="CODE", help="Language code, for sentences.  [default: en]")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["text", "markdown", "lines", "jsonl", "csv", "tsv"]),
    help="What the files hold.  [default: by extension]",
)
@click.option("--glob", "globs", multiple=True, metavar="PATTERN", help="Take these files of a folder, e.g. '*.py'.")
@click.option("--id-field", metavar="NAME", help="Field or column of the id.  [default: id, _id, else numbered]")
@click.option("--text-field", metavar="NAME", help="Field or column of the text.  [default: text]")
@click.option("--title-field", metavar="NAME", help="Field or column of the title.  [default: title]")
@click.option("--prune", is_flag=True, help="Remove documents that are gone from these paths.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@click.option("--reencode", is_flag=True, help="Encode all that is stored again first, with --model if given.")
@click.option("--skip-bad", is_flag=True, help="Leave broken records out, and count them.")
@click.option("--model", metavar="MODEL", help=f"Folder, name or Hub id.  [default: {DEFAULT_MODEL}]")
@click.option(
    "--pooling",
    type=click.Choice([pooling.value for pooling in Pooling]),
    help="How tokens become one vector.  [default: the model's]",
)
@click.option("--layer", type=int, metavar="N", help="Transformer layer to pool.  [default: -1, the last]")
@click.option("--truncate-dim", type=int, metavar="N", help="Keep the first N numbers of a vector.")
@click.option("--max-seq-length", type=int, metavar="TOKENS", help="Most tokens read of one passage.")
@click.option("--query-prompt", help="Put before queries.  [default: the model's]")
@click.option("--document-prompt", help="Put before passages.  [default: the model's]")
@click.option(
    "--metric",
    type=click.Choice([metric.value for metric in Metric]),
    help="How vectors are compared.  [default: cosine]",
)
@click.option("--tokens", is_flag=True, default=None, help="Keep a vector of every word, too, for contexts and senses.")
@factory_option
@model_options
@timeout_option
@indexes_option
def command(name: str, paths: tuple[str, ...], indexes: Path | None, prune: bool, dry_run: bool, **chosen: Any) -> None:
    """Build a collection from files, or bring it up to date with them.

    PATH is a file, a folder, or - for standard input. What is new is added, what changed is replaced, what is
    unchanged is not encoded again.

    \b
    semsearch index notes ~/notes
    semsearch index quotes quotes.txt --as lines
    semsearch index shop products.jsonl --text-field description --prune
    semsearch index notes --reencode --model all-mpnet-base-v2
    semsearch index novels ~/novels --tokens
    git log --format=%s | semsearch index log -
    """
    from semsearch.ingest import Fields, Kind, Reader
    from semsearch.storage import exists

    path = collection_path(indexes, name)
    if chosen["reencode"] and not dry_run:
        _reencode(path, chosen)
    if not paths:
        if chosen["reencode"]:
            return
        raise click.UsageError("Missing argument 'PATH...': name files or folders to index, or - for standard input")
    reader = Reader(
        [entry if entry == "-" else Path(entry) for entry in paths],
        kind=Kind(chosen["kind"]) if chosen["kind"] else None,
        fields=Fields(chosen["id_field"], chosen["text_field"], chosen["title_field"]),
        globs=chosen["globs"],
        skip_bad=chosen["skip_bad"],
    )
    documents = _not_empty(reader, paths)
    with _collection(path, chosen, dry_run) as collection:
        patient(collection, chosen["timeout"])
        if chosen["factory"] is not None and not dry_run:
            collection.use_index(chosen["factory"])
        report = _sync(collection, documents, reader, prune, dry_run)
    _tell_left_out(reader)
    if report.empty and not exists(path) and not dry_run:
        raise InputError(f"every document in {', '.join(paths)} is blank; there is nothing to search in them")
    click.echo(summary(name, report, reader.skipped, dry_run))
    tell_truncated(report)


def _not_empty(reader: Reader, paths: tuple[str, ...]) -> Iterable[Document]:
    """The reader's documents; reading the first one here shows bad input before anything is made."""
    documents = iter(reader)
    first = next(documents, None)
    if first is None:
        _tell_left_out(reader)
        raise InputError(
            f"there is no document in {', '.join(paths)}; give text, Markdown, JSONL, CSV or TSV files, "
            "or name others with --glob"
        )
    return chain([first], documents)


def _tell_left_out(reader: Reader) -> None:
    """Say on stderr which records and how many files are not in the collection."""
    for message in reader.messages:
        click.echo(f"skipped: {one_line(message)}", err=True)
    if more := reader.skipped - len(reader.messages):
        click.echo(f"skipped: … and {more:,} more", err=True)
    if reader.ignored:
        click.echo(f"left out: {counted(reader.ignored, 'file')} of unknown kinds; --glob takes them as text", err=True)


@contextmanager
def _collection(path: Path, chosen: dict[str, Any], dry_run: bool) -> Iterator[Collection]:
    """The collection to write to: opened, or made; a dry run of a new one takes place elsewhere."""
    from semsearch.storage import exists

    if exists(path):
        with _opened(path, chosen) as collection:
            yield collection
    elif dry_run:
        with tempfile.TemporaryDirectory() as scratch, _made(Path(scratch) / path.name, chosen) as collection:
            yield collection
    else:
        with _made(path, chosen) as collection:
            try:
                yield collection
            finally:
                if collection.status().generation == 0:  # nothing was committed: leave nothing behind
                    collection.drop()


def _opened(path: Path, chosen: dict[str, Any]) -> Collection:
    from semsearch.query import Collection

    collection = Collection.open(path)
    _refuse_others(collection, chosen)
    stored_encoder = collection.stored_encoder
    options = stored_encoder.options.to_json() | _options(chosen)
    collection.attach(_encoder(chosen, stored_encoder.model, options))
    return collection


def _refuse_others(collection: Collection, chosen: dict[str, Any]) -> None:
    """Refuse options that a collection was not made with."""
    for option in ("unit", "window", "overlap", "language", "metric", "tokens"):
        stored = getattr(collection.settings, option)
        if chosen[option] is not None and chosen[option] != stored:
            raise CollectionError(
                f"collection {collection.name!r} was built with --{option} {stored or 'left out'}, "
                f"not {chosen[option]}; leave the option out, or index into another collection"
            )


def _reencode(path: Path, chosen: dict[str, Any]) -> None:
    """Encode what is stored again; with another model, or what has changed about the collection's own."""
    from semsearch.cli.output.progress import sync_progress
    from semsearch.query import Collection

    with Collection.open(path) as collection:
        patient(collection, chosen["timeout"])
        _refuse_others(collection, chosen)
        stored = collection.stored_encoder
        own = {} if chosen["model"] else stored.options.to_json()
        encoder = _encoder(chosen, stored.model, own | _options(chosen))
        total = collection.status().documents
        with sync_progress(total, lambda report: report.added + report.unchanged) as progress:
            report = collection.reencode(encoder, progress=progress, notify=notify)
    click.echo(f"{path.name}: {counted(report.passages, 'passage')} encoded again with {encoder.name}")


def _made(path: Path, chosen: dict[str, Any]) -> Collection:
    from semsearch.query import Collection
    from semsearch.storage import CollectionSettings

    given = {
        name: chosen[name] for name in ("window", "overlap", "language", "metric", "tokens") if chosen[name] is not None
    }
    settings = CollectionSettings(unit=Unit(chosen["unit"] or Unit.WINDOW), **given)
    return Collection.create(path, _encoder(chosen, DEFAULT_MODEL, _options(chosen)), settings)


def _options(chosen: dict[str, Any]) -> dict[str, Any]:
    names = ("pooling", "layer", "truncate_dim", "max_seq_length", "query_prompt", "document_prompt")
    return {name: chosen[name] for name in names if chosen[name] is not None}


def _encoder(chosen: dict[str, Any], default: str, options: dict[str, Any]) -> Encoder:
    from semsearch.encoder import Encoder, EncoderOptions

    model = default if chosen["model"] is None else chosen["model"]
    how = {name: chosen[name] for name in ("runtime", "device", "precision", "threads")}
    return Encoder.load(model, options=EncoderOptions.from_json(options), notify=notify, **how)


def _sync(
    collection: Collection, documents: Iterable[Document], reader: Reader, prune: bool, dry_run: bool
) -> SyncReport:
    """Sync under a progress bar that counts bytes."""
    from semsearch.cli.output.progress import committed, sync_progress

    sources = reader.sources if prune else None
    with sync_progress(reader.bytes_total, committed(lambda _: reader.bytes_read)) as progress:
        return collection.sync(documents, prune=sources, dry_run=dry_run, progress=progress, notify=notify)
