"""Folders that are collections, and what to say of those that are not."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from semsearch.common.errors import CollectionExistsError, CollectionNotFoundError
from semsearch.index import Code

__all__ = [
    "DATABASE",
    "PASSAGES",
    "WORDS",
    "Matrix",
    "exists",
    "is_own",
    "list_collections",
    "not_found",
    "taken",
    "vector_file",
]

DATABASE = "collection.db"
OWN = re.compile(
    r"\.?(word-)?index-[\w-]+\.faiss(\.tmp)?|vectors-\d+\.f16|words-\d+\.u8|\.repair-\w+\.db(-wal|-shm|-journal)?",
    re.ASCII,
)
"""Names of the files that come and go with states, those of an interrupted write among them."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Which vectors: the name and the code of their file, their tables in the database, the names of index files."""

    name: str
    code: Code
    blocks: str
    indexes: str
    tuning: str
    index: str


PASSAGES = Matrix("vectors", Code.FLOAT16, "blocks", "indexes", "tuning", "index")
"""A vector a passage, which every collection has."""
WORDS = Matrix("words", Code.UINT8, "word_blocks", "word_indexes", "word_tuning", "word-index")
"""A vector a word in its context, which collections have that were made so."""


def exists(path: Path) -> bool:
    """Whether there is a collection in the folder ``path``."""
    return (path / DATABASE).is_file()


def vector_file(folder: Path, epoch: int, matrix: Matrix = PASSAGES) -> Path:
    """The file of a collection's vectors; a compaction begins a new epoch."""
    return folder / f"{matrix.name}-{epoch}.{matrix.code.value}"


def is_own(name: str) -> bool:
    """Whether a file of a collection's folder is an index, vectors, or what was left of writing them."""
    return OWN.fullmatch(name) is not None


def list_collections(folder: Path) -> list[str]:
    """Names of the collections in a folder, in alphabetical order; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and exists(entry))


def taken(path: Path) -> CollectionExistsError:
    """The error for a folder that cannot be made."""
    return CollectionExistsError(f"{path} exists already; open it, drop it, or choose another name")


def not_found(path: Path) -> CollectionNotFoundError:
    """The error for a folder that is no collection, with the nearest name."""
    return CollectionNotFoundError(f"there is no collection {path.name!r} in {path.parent}; {_nearest(path)}")


def _nearest(path: Path) -> str:
    names = list_collections(path.parent)
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names[:8])}" if names else "make one with: semsearch index NAME PATH"
