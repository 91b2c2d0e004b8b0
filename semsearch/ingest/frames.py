"""Tables in memory as documents: pandas, Polars, Arrow and whatever else has an Arrow C stream.

A row is a document. The columns ``text``, ``id`` (or ``_id``) and ``title`` are what they are in a JSONL file,
``source`` is the document's, and all others are metadata, where a value is not missing. Dates become ISO 8601 texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.environment import import_extra
from semsearch.common.errors import InputError, RecordError
from semsearch.ingest.formats.format import Fields
from semsearch.ingest.formats.tables.records import locate, to_document
from semsearch.ingest.formats.tables.values import plain_record

__all__ = ["is_frame", "read_frame"]

STREAM = "__arrow_c_stream__"
"""The Arrow PyCapsule interface (https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html)."""


def is_frame(value: object) -> bool:
    """Whether a value is a table; one that cannot be read is an error: its columns' names would be taken for texts.

    Raises :class:`InputError`.
    """
    if hasattr(value, STREAM):
        return True
    if hasattr(value, "columns") and not isinstance(value, Mapping):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise InputError(
            f"a {kind} is a table without an Arrow stream; give a list of semsearch.Document, or pyarrow's"
        )
    return False


def read_frame(frame: object) -> Iterator[Document]:
    """The documents of a table's rows; raises :class:`RecordError` with the number of the row, from 0."""
    pa = import_extra("pyarrow", "frames", "reading tables")
    row = 0
    for batch in pa.RecordBatchReader.from_stream(frame):
        for record in batch.to_pylist():
            yield _read_row(record, row)
            row += 1


def _read_row(record: dict[str, Any], row: int) -> Document:
    present = plain_record(record)
    source = present.pop("source", None)
    try:
        if source is not None and not isinstance(source, str):
            raise RecordError(f"field 'source' must be a string, not {source!r:.40}")
        document = to_document(present, Fields(), "", "")
    except RecordError as error:
        raise locate(error, f"row {row}") from error
    return replace(document, id=document.id or None, source=source)
