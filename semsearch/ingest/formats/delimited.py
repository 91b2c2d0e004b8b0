"""Tables with a header row: comma-separated and tab-separated values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.records import locate, required_fields, to_document
from semsearch.ingest.formats.streams import check, text_lines

__all__ = ["CSV", "TSV"]

_LARGEST_CELL = 2**31 - 1
"""Characters in one cell; the most that the csv module takes on every platform."""

NumberedCells = tuple[int, list[str] | RecordError]
"""The number of the line that a row begins on, and its cells or what is wrong with it."""


def _read_table(
    origin: Origin, stream: BufferedReader, fields: Fields, dialect: type[csv.Dialect]
) -> Iterator[Document | RecordError]:
    """Every row below the header as a document; blank lines are no rows."""
    rows = _rows(stream, dialect)
    line, names = next(rows, (1, RecordError("no header row; put the names of the columns first")))
    try:
        columns = _columns(_check_row(names))
        required = required_fields(columns, fields)
    except RecordError as error:
        yield locate(error, f"{origin.label}:{line}")
        return
    for number, (line, row) in enumerate(rows, start=1):
        try:
            record = _record(columns, _check_row(row), required)
            document = to_document(record, fields, f"{origin.id}:{number}", origin.source)
        except RecordError as error:
            yield locate(error, f"{origin.label}:{line}")
        else:
            yield document


def _rows(stream: BufferedReader, dialect: type[csv.Dialect]) -> Iterator[NumberedCells]:
    """The rows that hold anything, good and bad."""
    # The limit holds for the whole process. It stays raised, because other code may read tables between our rows.
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    # Strict, or a quote that is never closed would silently swallow the rest of the file.
    reader = csv.reader(text_lines(stream), dialect, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, RecordError(f"not a row: {error}; mend it")
            continue
        if row:
            yield line, row


def _check_row(row: list[str] | RecordError) -> list[str]:
    """The cells of a row, raising what is wrong with it."""
    if isinstance(row, RecordError):
        raise row
    return [check(cell) for cell in row]


def _columns(names: list[str]) -> list[str]:
    """The names of the columns; one without a name is called by its position."""
    columns = [name or f"column {number}" for number, name in enumerate(names, start=1)]
    double = next((name for name in columns if columns.count(name) > 1), None)
    if double is not None:
        raise RecordError(f"two columns are called {double!r}; rename one")
    return columns


def _record(columns: list[str], cells: list[str], required: frozenset[str]) -> dict[str, Any]:
    """A row as a record; an empty cell that need not be filled is left out."""
    if len(cells) != len(columns):
        raise RecordError(f"{len(cells)} cells under {len(columns)} columns; mend the row")
    pairs = zip(columns, cells, strict=True)
    return {name: cell for name, cell in pairs if cell or name in required}


CSV = Format("csv", (".csv",), partial(_read_table, dialect=csv.excel))
TSV = Format("tsv", (".tsv",), partial(_read_table, dialect=csv.excel_tab))
