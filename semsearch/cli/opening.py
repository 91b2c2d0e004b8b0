"""Opening what the options of a command ask for: a collection with its encoder, or a space of words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from semsearch.cli.options import RunOptions, SpaceOptions
from semsearch.cli.output.summary import count_noun
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.cli.output.arrays import Origin
    from semsearch.collection import Collection
    from semsearch.encoder import Encoder
    from semsearch.storage.store import Store
    from semsearch.words.spaces import Space, Vocabulary

__all__ = ["encoder_of", "open_collection", "open_space", "open_space_of", "open_store"]


def open_store(path: Path, *, run: RunOptions | None = None, timeout: float | None = None) -> Store:
    """The collection as it is stored; its encoder is loaded when it is first needed."""
    from semsearch.storage.handle import Handle
    from semsearch.storage.store import Store

    device, threads = (run.search_device, run.threads) if run else ("cpu", None)
    return Store(Handle(path, device=device, threads=threads, timeout=timeout))


def open_collection(path: Path, run: RunOptions, *, warm: bool = False) -> Collection:
    """The collection with its own model, which is loaded now and run as the options say.

    It is ``warm`` if it will be searched: what a first question waits for is begun at once.
    """
    store = open_store(path, run=run)
    try:
        store.attach(encoder_of(store, run))
        if warm:
            store.warm_up()
            if store.is_being_built:
                click.echo(f"{store.name} is being built; {count_noun(store.count(), 'document')} so far", err=True)
    except BaseException:
        store.close()
        raise
    from semsearch.collection import Collection

    return Collection(store)


def encoder_of(store: Store, run: RunOptions) -> Encoder:
    """The encoder of a collection's vectors."""
    stored = store.definition.encoder
    return run.load(stored.model, stored.options, local_only=True)


def open_space(options: SpaceOptions, run: RunOptions) -> Space:
    """A model's vocabulary, or the vectors in a file."""
    prepared = _preparation(options)
    if options.file is None:
        return _open_vocabulary(options, run)
    if options.space is not None:
        raise InputError(f"--space {options.space} is a space of a model, and --words has its own; leave one out")
    from semsearch.words.vector_files.reader import read_space

    space = read_space(options.file)
    return space.prepared(prepared.get("center", False), prepared.get("drop", 0)) if prepared else space


def open_space_of(origin: Origin | None, file: Path, options: SpaceOptions, run: RunOptions) -> Space:
    """The space that the vectors in ``file`` are of, or if it does not know that the one of the options.

    Raises for options that name another one.
    """
    if origin is None:
        return open_space(options, run)
    known = f"the vectors in {file} are of the space {origin.space} of model {origin.model!r}"
    if options.file is not None:
        from semsearch.cli.output.arrays import read_origin

        if read_origin(options.file) == origin:
            return open_space(options, run)
        raise InputError(f"{known}, and --words {options.file} has others; leave --words out")
    if options.space not in (None, origin.space):
        raise InputError(f"{known}, and --space {options.space} is another one; leave --space out")
    is_named = click.get_current_context().get_parameter_source("model") is ParameterSource.COMMANDLINE
    model = options.model if is_named else origin.model
    space = _open_vocabulary(replace(options, model=model, space=origin.space), run)
    if space.encoder.fingerprint != origin.fingerprint:
        raise InputError(f"{known}, and model {model!r} makes others; give the model that they are of")
    return space


def _preparation(options: SpaceOptions) -> dict[str, Any]:
    given = {"center": options.center, "drop": options.drop}
    return {name: value for name, value in given.items() if value is not None}


def _open_vocabulary(options: SpaceOptions, run: RunOptions) -> Vocabulary:
    from semsearch.cli.output.progress import count_progress
    from semsearch.words.spaces import DEFAULT_SPACE, Vocabulary

    encoder = run.load(options.model)
    with count_progress("encoding the vocabulary, once") as progress:
        return Vocabulary(encoder, options.space or DEFAULT_SPACE, progress=progress, **_preparation(options))
