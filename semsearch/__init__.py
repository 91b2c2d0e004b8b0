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
    from semsearch.collection import Collection
    from semsearch.common.documents import Document, Formula, Fusion, Metric, Mode, Pooling, Unit
    from semsearch.common.errors import (
        CollectionError,
        CollectionExistsError,
        CollectionNotFoundError,
        DamagedError,
        InputError,
        LockedError,
        MissingExtraError,
        ModelError,
        ModelNotFoundError,
        QueryError,
        RecordError,
        SemsearchError,
        SpaceMismatchError,
        StorageError,
        TruncationWarning,
    )
    from semsearch.encoder import Encoder, EncoderOptions, TextTokens, TokenVectors
    from semsearch.encoder.cross_encoder import CrossEncoder
    from semsearch.query.analogy import PassageAnswer
    from semsearch.query.hits import Hit, Hits
    from semsearch.query.request import SearchRequest
    from semsearch.storage.settings import CollectionSettings
    from semsearch.storage.sync import SyncReport
    from semsearch.storage.upkeep.status import Status
    from semsearch.words.contexts.occurrences import Occurrence
    from semsearch.words.contexts.senses import Sense
    from semsearch.words.spaces.space import Answer, Neighbour, Space
    from semsearch.words.spaces.vocabulary import Vocabulary
    from semsearch.words.vector_files.reader import read_space

__all__ = [
    "Answer",
    "Collection",
    "CollectionError",
    "CollectionExistsError",
    "CollectionNotFoundError",
    "CollectionSettings",
    "CrossEncoder",
    "DamagedError",
    "Document",
    "Encoder",
    "EncoderOptions",
    "Formula",
    "Fusion",
    "Hit",
    "Hits",
    "InputError",
    "LockedError",
    "Metric",
    "MissingExtraError",
    "Mode",
    "ModelError",
    "ModelNotFoundError",
    "Neighbour",
    "Occurrence",
    "PassageAnswer",
    "Pooling",
    "QueryError",
    "RecordError",
    "SearchRequest",
    "SemsearchError",
    "Sense",
    "Space",
    "SpaceMismatchError",
    "Status",
    "StorageError",
    "SyncReport",
    "TextTokens",
    "TokenVectors",
    "TruncationWarning",
    "Unit",
    "Vocabulary",
    "read_space",
]

_HOMES = {
    "Answer": "semsearch.words.spaces.space",
    "Collection": "semsearch.collection",
    "CollectionError": "semsearch.common.errors",
    "CollectionExistsError": "semsearch.common.errors",
    "CollectionNotFoundError": "semsearch.common.errors",
    "CollectionSettings": "semsearch.storage.settings",
    "CrossEncoder": "semsearch.encoder.cross_encoder",
    "DamagedError": "semsearch.common.errors",
    "Document": "semsearch.common.documents",
    "Encoder": "semsearch.encoder.encoder",
    "EncoderOptions": "semsearch.encoder.spec",
    "Formula": "semsearch.common.documents",
    "Fusion": "semsearch.common.documents",
    "Hit": "semsearch.query.hits",
    "Hits": "semsearch.query.hits",
    "InputError": "semsearch.common.errors",
    "LockedError": "semsearch.common.errors",
    "Metric": "semsearch.common.documents",
    "MissingExtraError": "semsearch.common.errors",
    "Mode": "semsearch.common.documents",
    "ModelError": "semsearch.common.errors",
    "ModelNotFoundError": "semsearch.common.errors",
    "Neighbour": "semsearch.words.spaces.space",
    "Occurrence": "semsearch.words.contexts.occurrences",
    "PassageAnswer": "semsearch.query.analogy",
    "Pooling": "semsearch.common.documents",
    "QueryError": "semsearch.common.errors",
    "RecordError": "semsearch.common.errors",
    "SearchRequest": "semsearch.query.request",
    "SemsearchError": "semsearch.common.errors",
    "Sense": "semsearch.words.contexts.senses",
    "Space": "semsearch.words.spaces.space",
    "SpaceMismatchError": "semsearch.common.errors",
    "Status": "semsearch.storage.upkeep.status",
    "StorageError": "semsearch.common.errors",
    "SyncReport": "semsearch.storage.sync",
    "TextTokens": "semsearch.encoder.tokenizer",
    "TokenVectors": "semsearch.encoder.encoder",
    "TruncationWarning": "semsearch.common.errors",
    "Unit": "semsearch.common.documents",
    "Vocabulary": "semsearch.words.spaces.vocabulary",
    "read_space": "semsearch.words.vector_files.reader",
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
