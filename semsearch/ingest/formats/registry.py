"""All kinds of files that can be read: a new one is a module beside this one, and a line here."""

from __future__ import annotations

from pathlib import PurePath

from semsearch.ingest.formats.delimited import CSV, TSV
from semsearch.ingest.formats.epub import EPUB
from semsearch.ingest.formats.format import Format
from semsearch.ingest.formats.html import HTML
from semsearch.ingest.formats.jsonl import JSONL
from semsearch.ingest.formats.lines import LINES
from semsearch.ingest.formats.mail import MAIL, MAILBOX
from semsearch.ingest.formats.markdown import MARKDOWN
from semsearch.ingest.formats.notebook import NOTEBOOK
from semsearch.ingest.formats.open_document import OPEN_DOCUMENT
from semsearch.ingest.formats.packing import split_packing
from semsearch.ingest.formats.pdf import PDF
from semsearch.ingest.formats.sheets import SHEETS
from semsearch.ingest.formats.slides import SLIDES
from semsearch.ingest.formats.text import TEXT
from semsearch.ingest.formats.word import WORD

__all__ = ["FORMATS", "PIPE_FORMAT", "UNKNOWN_FORMAT", "format_of"]

_TEXTS = (TEXT, MARKDOWN, LINES, JSONL, CSV, TSV, NOTEBOOK)
_EXTRACTED = (HTML, PDF, WORD, SLIDES, OPEN_DOCUMENT, SHEETS, EPUB, MAIL, MAILBOX)
FORMATS: dict[str, Format] = {kind.name: kind for kind in (*_TEXTS, *_EXTRACTED)}
"""By name, in the order in which they are listed."""

UNKNOWN_FORMAT = TEXT
"""What a file is read as that was asked for by its name, and whose extension says nothing."""

PIPE_FORMAT = LINES
"""What standard input is read as unless told otherwise."""

_BY_EXTENSION = {extension: kind for kind in FORMATS.values() for extension in kind.extensions}


def format_of(path: PurePath) -> Format | None:
    """The format that a file's extension stands for, if it is one we know; of a packed file that of what is inside."""
    return _BY_EXTENSION.get(split_packing(path)[0].suffix.lower())
