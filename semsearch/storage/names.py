"""Which id a document of a file has in a collection.

A document is one source: a file and a place in it. It is called by the name of its file, or by an id of its own, as
long as nobody else is called so. Otherwise a longer path tells the two apart. However a file's path is given later, its
documents keep their ids.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from semsearch.common.documents import Document
from semsearch.ingest.files import File, is_gone
from semsearch.ingest.formats.format import STDIN
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.tables.sources import SOURCES, KnownSource

__all__ = ["Names"]


class Names:
    """The names of files in one run over documents, under the writer's lock.

    ``unnoted`` are the files whose name or place the collection does not know yet, ``new`` those that it did not know.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        self.unnoted: list[KnownSource] = []
        self.new: set[str] = set()

    def name_file(self, file: File) -> str:
        """The name that a file has in the collection, or the first of its names that no other file has."""
        source = file.origin.source
        known = next(iter(SOURCES.read(self._connection, "source", [source])), None)
        free = (name for name in file.names if self._is_free(name, source))
        name = known.name if known else next(free, file.names[-1])
        self._names[source], self._sources[name] = name, source
        if known is None:
            self.new.add(source)
        if known != (found := KnownSource(source, name, file.found_at)):
            self.unnoted.append(found)
        return name

    def tell_apart(self, document: Document) -> Document:
        """The document under the id that it has: one that has its own may have to share it with another file's."""
        source, identifier = document.source, str(document.id)
        name = self._names.get(source or "")
        if source is None or name is None or identifier == name or identifier.startswith(f"{name}:"):
            return document
        longer = f"{name}:{identifier}"
        owners = {wanted: self._owner(wanted) for wanted in (identifier, longer)}
        wanted = next((wanted for wanted, owner in owners.items() if owner == source), None)
        if wanted is None:
            wanted = identifier if _may_take(owners[identifier], source) else longer
        self._sources[wanted] = source
        return document if wanted == identifier else replace(document, id=wanted)

    def _is_free(self, name: str, source: str) -> bool:
        """Whether a file may be called so: nobody is, or only one that is not there any more."""
        if name in self._sources:
            return self._sources[name] == source
        owners = {known.source for known in SOURCES.read(self._connection, "name", [name])}
        return all(_may_take(owner, source) for owner in {*owners, *DOCUMENTS.sources_named(self._connection, name)})

    def _owner(self, identifier: str) -> str | None:
        """The source of the document that has an id, in this run or in the collection."""
        return self._sources.get(identifier) or DOCUMENTS.source_of(self._connection, identifier)


def _may_take(owner: str | None, source: str) -> bool:
    return owner in (None, source) or (owner != STDIN and is_gone(str(owner)))
