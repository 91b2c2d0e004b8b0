"""Files with one document a line."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate
from semsearch.ingest.formats.texts.streams import check, text_lines

__all__ = ["LINES"]


def _read_lines(origin: Origin, stream: BufferedReader, _: Fields) -> Iterator[Document | RecordError]:
    """Every line that is not blank as a document."""
    for number, line in enumerate(text_lines(stream), start=1):
        try:
            text = check(line).rstrip("\r\n")
        except RecordError as error:
            yield locate(error, f"{origin.label}:{number}")
            continue
        if text and not text.isspace():
            yield Document(id=f"{origin.id}:{number}", text=text, source=origin.source)


LINES = Format("lines", _read_lines)
