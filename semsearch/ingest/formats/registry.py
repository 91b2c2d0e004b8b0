"""What a file holds, and which of its fields make a document."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["Fields", "Kind", "known_kind"]


class Kind(enum.StrEnum):
    """How a file is cut into documents."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LINES = "lines"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields or columns that hold a document's parts; all others become its metadata.

    Left out, the id is in ``id`` or else ``_id`` if there is one, the text is in ``text``, and
    the title is in ``title`` if there is one.
    """

    id: str | None = None
    text: str | None = None
    title: str | None = None


_KINDS = {
    ".txt": Kind.TEXT,
    ".text": Kind.TEXT,
    ".rst": Kind.TEXT,
    ".log": Kind.TEXT,
    ".tex": Kind.TEXT,
    ".adoc": Kind.TEXT,
    ".org": Kind.TEXT,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".csv": Kind.CSV,
    ".tsv": Kind.TSV,
}


def known_kind(path: PurePath) -> Kind | None:
    """The kind that a file's extension stands for, if it is one we know."""
    return _KINDS.get(path.suffix.lower())
