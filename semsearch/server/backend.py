"""What the server has: the collections of a folder, and the encoders that they share."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from semsearch.collection import Collection
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.errors import (
    CollectionError,
    CollectionNotFoundError,
    LockedError,
    ModelNotFoundError,
    SemsearchError,
)
from semsearch.common.unicode import one_line
from semsearch.encoder import Encoder
from semsearch.server.shared_encoder import share
from semsearch.storage.folder import list_collections
from semsearch.storage.handle import Handle
from semsearch.storage.store import Store

__all__ = ["Backend"]

R = TypeVar("R")

logger = logging.getLogger(__name__)


class Backend:
    """The collections in a folder, opened when they are first asked for. Threads may share one.

    A name from a request is only ever compared with the names that are there: no part of it becomes a path.
    """

    def __init__(
        self, folder: Path, names: Sequence[str] = (), *, may_write: bool = False, default: str = DEFAULT_MODEL
    ) -> None:
        """``names`` are the collections that are served, all if there are none; ``default`` is the model of texts.

        Raises :class:`CollectionNotFoundError` for a name that is not there.
        """
        self.may_write = may_write
        self.default_model = default
        self._folder = folder
        self._chosen = frozenset(names)
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._open: dict[str, Collection] = {}
        self._encoders: dict[str, Encoder] = {}
        for name in names:
            Collection.open(folder / name).close()

    def names(self) -> list[str]:
        """Names of the collections that are there now, in alphabetical order."""
        return [name for name in list_collections(self._folder) if name in self._chosen or not self._chosen]

    def ask(self, name: str, question: Callable[[Collection], R]) -> R:
        """The answer of a collection, in the state that is committed now.

        One that somebody has put in the place of another is opened anew. Raises :class:`CollectionNotFoundError`.
        """
        collection = self._collection(name)
        try:
            return question(collection)
        except LockedError:
            raise
        except CollectionError:
            self._forget(name, collection)
        return question(self._collection(name))

    def ask_all(self, question: Callable[[Collection], R]) -> tuple[dict[str, R], list[str]]:
        """The answers of all collections by their names, and the names of those that fail: others are not hidden."""
        answers: dict[str, R] = {}
        failing = []
        for name in self.names():
            try:
                answers[name] = self.ask(name, question)
            except SemsearchError as error:
                logger.warning("collection %s fails: %s", name, one_line(error))
                failing.append(name)
        return answers, failing

    def models(self) -> list[str]:
        """Names of the models that texts can be encoded with: the default one, and those of the collections."""
        return list(dict.fromkeys([self.default_model, *self._loaders()]))

    def encoder(self, model: str | None = None) -> Encoder:
        """The encoder of one of :meth:`models`, the default one unless told; raises :class:`ModelNotFoundError`."""
        if model is None or model == self.default_model:
            return self._shared(self.default_model, lambda: Encoder.load(self.default_model))
        loaders = self._loaders()
        if model not in loaders:
            raise ModelNotFoundError(f"no model {model!r:.80} is served; there are: {', '.join(self.models())}")
        return loaders[model]()

    def close(self) -> None:
        """Close all collections."""
        for name, collection in list(self._open.items()):
            self._forget(name, collection)

    def _collection(self, name: str) -> Collection:
        if name not in self.names():
            others = ", ".join(self.names()) or "none"
            raise CollectionNotFoundError(f"there is no collection {name!r:.120}; there are: {others}")
        with self._lock:
            if name not in self._open:
                self._open[name] = self._open_store(name)
            return self._open[name]

    def _open_store(self, name: str) -> Collection:
        store = Store(Handle(self._folder / name))
        stored = store.definition.encoder
        store.attach_later(lambda: self._shared(stored.fingerprint, stored.load))
        return Collection(store)

    def _forget(self, name: str, collection: Collection) -> None:
        with self._lock:
            if self._open.get(name) is collection:
                del self._open[name]
        collection.close()

    def _loaders(self) -> dict[str, Callable[[], Encoder]]:
        """How to get the encoder of each collection, by the name of its model."""
        models, _ = self.ask_all(lambda one: one.model)
        return {model: partial(self.ask, name, lambda one: one.encoder) for name, model in models.items()}

    def _shared(self, key: str, load: Callable[[], Encoder]) -> Encoder:
        """The encoder of a space, loaded once for all that use it."""
        with self._loading:
            if key not in self._encoders:
                encoder = load()
                self._encoders[key] = self._encoders.get(encoder.fingerprint) or share(encoder)
                self._encoders[encoder.fingerprint] = self._encoders[key]
            return self._encoders[key]
