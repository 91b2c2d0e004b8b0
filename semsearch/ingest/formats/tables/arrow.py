"""Parquet, Arrow and Feather files: each row a record, read in batches, however large the file is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.environment import import_extra
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.packing import split_packing
from semsearch.ingest.formats.tables.records import locate, required_fields, to_document
from semsearch.ingest.formats.tables.values import plain_record

__all__ = ["ARROW", "PARQUET"]

BATCH_ROWS = 1024
PURPOSE = "reading Parquet and Arrow files"


def _read_rows(
    origin: Origin, stream: BufferedReader, fields: Fields, open_batches: Callable[[Any], Iterator[Any]]
) -> Iterator[Document | RecordError]:
    pa = import_extra("pyarrow", "files", PURPOSE)
    number = 0
    try:
        source = _open_source(pa, origin, stream)
        for batch in open_batches(source):
            if not number:
                required_fields(batch.schema.names, fields)
            batch.validate(full=True)  # what is damaged may point anywhere
            for record in batch.to_pylist():
                number += 1
                try:
                    plain = plain_record(record, fields.text)
                    yield to_document(plain, fields, f"{origin.id}:{number}", origin.source)
                except RecordError as error:
                    yield locate(error, f"{origin.label}:{number}")
    except RecordError as error:  # of all rows
        yield locate(error, origin.label)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        yield locate(RecordError(f"damaged, or no table of its kind ({reason}); write it anew"), origin.label)


def _open_source(pa: Any, origin: Origin, stream: BufferedReader) -> Any:
    """The file, mapped; what is packed, or no file, is read as a whole."""
    is_plain = origin.path is not None and split_packing(origin.path)[1] is None
    return pa.memory_map(origin.path) if is_plain else pa.BufferReader(stream.read())


def _open_parquet(source: Any) -> Iterator[Any]:
    parquet = import_extra("pyarrow.parquet", "files", PURPOSE)
    return parquet.ParquetFile(source).iter_batches(batch_size=BATCH_ROWS)  # type: ignore[no-any-return]


def _open_arrow(source: Any) -> Iterator[Any]:
    """Batches of the file format, which Feather has, too, or of the stream format."""
    ipc = import_extra("pyarrow.ipc", "files", PURPOSE)
    if source.read(len(FILE_MARK)) == FILE_MARK:
        source.seek(0)
        reader = ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield from _slice(reader.get_batch(number))
        return
    source.seek(0)
    for batch in ipc.open_stream(source):
        yield from _slice(batch)


FILE_MARK = b"ARROW1"


def _slice(batch: Any) -> Iterator[Any]:
    return (batch.slice(start, BATCH_ROWS) for start in range(0, batch.num_rows, BATCH_ROWS))


PARQUET = Format("parquet", partial(_read_rows, open_batches=_open_parquet))
ARROW = Format("arrow", partial(_read_rows, open_batches=_open_arrow))
