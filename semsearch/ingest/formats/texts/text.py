"""Text files and source code, one document each."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate
from semsearch.ingest.formats.texts.streams import decode

__all__ = ["CODE", "TEXT", "read_text"]


def read_text(origin: Origin, stream: BufferedReader, _: Fields) -> Iterator[Document | RecordError]:
    """The whole file as one document."""
    try:
        text = decode(stream.read())
    except RecordError as error:
        yield locate(error, origin.label)
        return
    yield Document(id=origin.id, text=text, source=origin.source)


TEXT = Format("text", read_text)
CODE = Format("code", read_text)
