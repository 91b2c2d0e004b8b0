"""Folders that are collections: their names, the files in them, and what to say of those that are not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from semsearch.common.errors import CollectionError, CollectionExistsError, CollectionNotFoundError, DamagedError
from semsearch.common.suggestions import suggest

__all__ = [
    "DATABASE",
    "FINISHED",
    "SCRATCH",
    "check_name",
    "exists",
    "is_own",
    "list_collections",
    "not_found_error",
    "refuse_links",
    "taken_error",
]

DATABASE = "collection.db"
SCRATCH = ".reencode"
"""The folder, inside a collection's, of a re-encoding that is not done yet."""
FINISHED = ".reencoded"
"""The same when it is done, until it is removed."""
NAME = re.compile(r"\w[\w.+ -]{0,99}", re.UNICODE)
OWN = re.compile(
    r"\.?((word-)?index-[\w-]+\.faiss|(postings|fields)-[\w-]+\.safetensors)(-[0-9a-f]{8})?(\.tmp)?|vectors-\d+\.f16|words-\d+\.u8"
    r"|\.repair-\w+\.db(-wal|-shm|-journal)?",
    re.ASCII,
)
"""Names of the files that come and go with states, those of an interrupted write among them."""
NAMED = 8
"""Collections that are named to somebody who asked for one that is not there."""


def exists(path: Path) -> bool:
    """Whether there is a collection in the folder ``path``."""
    return (path / DATABASE).is_file()


def refuse_links(folder: Path) -> None:
    """Refuse what is no plain file in a collection's folder: writing through a link would destroy another file.

    A pipe would be waited for. Raises :class:`DamagedError`.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
                raise DamagedError(
                    f"{entry.name} in collection {folder} is a link, a pipe or a device, and collections have plain "
                    "files alone; remove it, or put the file in its place that it leads to"
                )


def is_own(name: str) -> bool:
    """Whether a file of a collection's folder is an index, vectors, a segment, or left of writing one."""
    return OWN.fullmatch(name) is not None


def list_collections(folder: Path) -> list[str]:
    """Names of the collections in a folder, in alphabetical order; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and exists(entry))


def check_name(name: str) -> str:
    """Refuse collection names that are not plain folder names."""
    if not NAME.fullmatch(name):
        raise CollectionError(
            f"{name!r:.120} cannot name a collection; use letters, digits, '.', '_', '-', '+' and spaces, "
            "beginning with a letter or digit, at most 100"
        )
    return name


def taken_error(path: Path) -> CollectionExistsError:
    """The error for a folder that cannot be made."""
    return CollectionExistsError(f"{path} exists already; open it, drop it, or choose another name")


def not_found_error(path: Path) -> CollectionNotFoundError:
    """The error for a folder that is no collection, with the nearest name and where it was looked for."""
    names = list_collections(path.parent)
    others = f"there are: {', '.join(names[:NAMED])}" if names else "make one with: semsearch index NAME PATH"
    advice = suggest(path.name, names, others, likeness=0.5)
    return CollectionNotFoundError(
        f"there is no collection {path.name!r} in {path.parent.absolute()}; {advice}; --indexes and $SEMSEARCH_INDEXES "
        "choose another folder"
    )
