"""All kinds of files that can be read: a new one is a module in a room, and a line here and in ``extensions``."""

from __future__ import annotations

from semsearch.ingest.formats.extensions import EXTENSIONS, kind_of
from semsearch.ingest.formats.extracted import EXTRACTED
from semsearch.ingest.formats.format import Format
from semsearch.ingest.formats.tables.arrow import ARROW, PARQUET
from semsearch.ingest.formats.tables.delimited import CSV, TSV
from semsearch.ingest.formats.tables.json_array import JSON
from semsearch.ingest.formats.tables.jsonl import JSONL
from semsearch.ingest.formats.tables.sqlite import SQLITE
from semsearch.ingest.formats.texts.lines import LINES
from semsearch.ingest.formats.texts.manual import MANUAL
from semsearch.ingest.formats.texts.markdown import MARKDOWN
from semsearch.ingest.formats.texts.notebook import NOTEBOOK
from semsearch.ingest.formats.texts.text import CODE, TEXT

__all__ = ["FORMATS", "PIPE_FORMAT", "UNKNOWN_FORMAT", "format_of"]

_PLAIN = (TEXT, MARKDOWN, CODE, LINES, JSONL, JSON, CSV, TSV, PARQUET, ARROW, SQLITE, NOTEBOOK, MANUAL)
_ALL = {kind.name: kind for kind in _PLAIN + EXTRACTED}

FORMATS: dict[str, Format] = {name: _ALL[name] for name in EXTENSIONS}
"""By name, in the order in which they are listed."""

UNKNOWN_FORMAT = TEXT
"""What a file is read as that was asked for by its name, and whose extension says nothing."""

PIPE_FORMAT = LINES
"""What standard input is read as unless told otherwise."""


def format_of(name: str) -> Format | None:
    """The format that the extension of a file's name or path stands for, if it is one we know."""
    kind = kind_of(name)
    return FORMATS[kind] if kind else None
