"""Semantic similarity search over your own text: local, exact, and open to inspection.

    >>> import semsearch
    >>> docs = semsearch.Collection.create("indexes/notes")     # doctest: +SKIP
    >>> docs.add(["A bee has wings."])                          # doctest: +SKIP
    >>> docs.search("insects that fly")                         # doctest: +SKIP

Names are imported when they are first used, so that ``import semsearch`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semsearch.common.documents import Document, Hit, Pooling, SyncReport, Unit
    from semsearch.common.errors import SemsearchError, TruncationWarning
    from semsearch.encoder import Encoder, EncoderOptions
    from semsearch.query import Collection
    from semsearch.storage import CollectionSettings
    from semsearch.words.spaces import Space, Vocabulary, read_space

__all__ = [
    "Collection",
    "CollectionSettings",
    "Document",
    "Encoder",
    "EncoderOptions",
    "Hit",
    "Pooling",
    "SemsearchError",
    "Space",
    "SyncReport",
    "TruncationWarning",
    "Unit",
    "Vocabulary",
    "read_space",
]

_HOMES = {
    "Collection": "semsearch.query",
    "CollectionSettings": "semsearch.storage",
    "Document": "semsearch.common.documents",
    "Encoder": "semsearch.encoder",
    "EncoderOptions": "semsearch.encoder",
    "Hit": "semsearch.common.documents",
    "Pooling": "semsearch.common.documents",
    "SemsearchError": "semsearch.common.errors",
    "Space": "semsearch.words.spaces",
    "SyncReport": "semsearch.common.documents",
    "TruncationWarning": "semsearch.common.errors",
    "Unit": "semsearch.common.documents",
    "Vocabulary": "semsearch.words.spaces",
    "read_space": "semsearch.words.spaces",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # takes as long as half of --help

        return metadata.version("semsearch")
    if name not in _HOMES:
        raise AttributeError(f"module 'semsearch' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
