"""Kinds of files that a child process reads: each by the ``extract`` of a module under ``extraction/kinds``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.common.unicode import replace_surrogates
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate

__all__ = ["EXTRACTED", "can_be_read"]

MODULES = {
    "html": ("html", "trafilatura"),
    "pdf": ("pdf", "pypdfium2"),
    "word": ("word", "docx"),
    "slides": ("slides", "pptx"),
    "open-document": ("open_document", "odf"),
    "sheets": ("sheets", "python_calamine"),
    "epub": ("epub", "lxml"),
    "mail": ("mail", None),
    "mailbox": ("mail", None),
}
"""By the names of the kinds, and the library that each needs besides."""
LIBRARIES = {"parquet": "pyarrow", "arrow": "pyarrow"}
"""Those of kinds that this process reads."""
MOST_BYTES = 2**30
"""Of one file."""


def _read(module: str, origin: Origin, stream: BufferedReader, _: Fields) -> Iterator[Document | RecordError]:
    from semsearch.ingest.extraction.ahead import shared_extractors

    try:
        data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise RecordError(f"is larger than {MOST_BYTES // 2**20:,} MB; split it")
        parts = shared_extractors.extract(module, data, origin.path)
    except RecordError as error:
        yield locate(error, origin.label)
        return
    for part in parts:
        title = replace_surrogates(part.title) if part.title else None
        identifier = f"{origin.id}{replace_surrogates(part.suffix)}"
        yield Document(replace_surrogates(part.text), identifier, title, origin.source, part.metadata)


def can_be_read(kind: str) -> bool:
    """Whether the library that a kind needs is installed."""
    library = LIBRARIES.get(kind) or MODULES.get(kind, ("", None))[1]
    return library is None or find_spec(library) is not None


EXTRACTED = tuple(Format(name, partial(_read, module), module) for name, (module, _) in MODULES.items())
