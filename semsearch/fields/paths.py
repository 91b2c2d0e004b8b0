"""Fields of a document: its id, title and source, and what is in its metadata, by a path of keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from semsearch.common.documents import Document

__all__ = ["KEYWORDS", "METADATA", "OWN_FIELDS", "Path", "field_values", "write_path"]

Path = tuple[str, ...]
"""Keys within each other; one of a document's own fields is a path of one key."""
METADATA = "metadata"
"""What a path to metadata may begin with; it must if the first key is that of an own field."""
OWN_FIELDS = ("id", "title", "source")
KEYWORDS = frozenset({"and", "or", "not", "in", "between", "like", "is", "null", "contains", "true", "false"})
"""Words of a filter that mean no field unless they are in quotes."""


def field_values(document: Document) -> Iterator[tuple[Path, Any]]:
    """The fields of a document with their values: none of these is a mapping."""
    for name in OWN_FIELDS:
        yield (name,), getattr(document, name)
    for key, value in document.metadata.items():
        yield from _flatten((METADATA, key) if key in (*OWN_FIELDS, METADATA) else (key,), value)


def write_path(path: Path) -> str:
    """A path as it is written in a filter: ``author.name``, other keys in double quotes."""
    return ".".join(key if _is_plain(key) else '"' + key.replace('"', '""') + '"' for key in path)


def _is_plain(key: str) -> bool:
    return key.isidentifier() and key.lower() not in KEYWORDS


def _flatten(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _flatten((*path, str(key)), inner)


def spell(value: Any) -> str:
    """A list's element that is no plain value, as JSON text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
