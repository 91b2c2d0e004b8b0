"""Tables with a header row: values separated by commas, tabs, semicolons or ``|``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from io import BufferedReader
from itertools import islice
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.column_types import Converters, find_converters, look_ahead
from semsearch.ingest.formats.tables.records import locate, required_fields, to_document
from semsearch.ingest.formats.tables.rows import Lines, read_rows
from semsearch.ingest.formats.tables.separators import Layout, announced_separator, recognise_layout
from semsearch.ingest.formats.texts.streams import check, text_lines

__all__ = ["CSV", "TSV"]

TEXTS = ("text", "id", "_id", "title", "document")
"""Columns that are texts whatever they hold."""
_SAMPLE_LINES = 10
"""Lines by which the separator is recognised: the header and a few rows."""


def _read_table(
    origin: Origin, stream: BufferedReader, fields: Fields, separator: str
) -> Iterator[Document | RecordError]:
    """Every row below the header as a document; blank lines are no rows."""
    lines = Lines(text_lines(stream))
    layout = _recognise(lines, fields, separator)
    rows = read_rows(lines, layout)
    line, names = next(rows, (1, RecordError("no header row; put the names of the columns first")))
    try:
        columns = _columns(_check_row(names), layout)
        required = _required(columns, fields)
    except RecordError as error:
        yield locate(error, f"{origin.label}:{line}")
        return
    sample, rows = look_ahead(rows)
    converters = find_converters(columns, sample, {*required, *TEXTS, *filter(None, (fields.id, fields.title))})
    for number, (line, row) in enumerate(rows, start=1):
        try:
            record = _record(columns, _check_row(row), required, converters)
            document = to_document(record, fields, f"{origin.id}:{number}", origin.source)
        except RecordError as error:
            yield locate(error, f"{origin.label}:{line}")
        else:
            yield document


def _recognise(lines: Lines, fields: Fields, default: str) -> Layout:
    """How the table is written whose first lines these are; they are put back, but for one that names a separator."""
    sample = list(islice(lines, _SAMPLE_LINES))
    announced = announced_separator(sample[0]) if sample else None
    if announced is not None:
        sample = sample[1:]
    lines.put_back(sample)
    names = [fields.text or "text", *filter(None, (fields.id, fields.title))]
    # In a table with tabs they separate, whatever else is in its header.
    header = next((line for line in sample if not line.isspace()), "")
    fixed = announced is not None or (default == "\t" and "\t" in header)
    return recognise_layout(sample, names, announced or default, fixed)


def _required(columns: Sequence[str], fields: Fields) -> frozenset[str]:
    """The columns that every row must fill; an error names the separators if none was found."""
    try:
        return required_fields(columns, fields)
    except RecordError as error:
        if len(columns) > 1:
            raise
        raise RecordError(f"{error}, or separate the columns by a comma, a semicolon, a tab or |") from error


def _check_row(row: list[str] | RecordError) -> list[str]:
    """The cells of a row, raising what is wrong with it."""
    if isinstance(row, RecordError):
        raise row
    return [check(cell) for cell in row]


def _columns(names: list[str], layout: Layout) -> list[str]:
    """The names of the columns; one without a name is called by its position."""
    names = [name.strip() for name in names] if layout.spaces else names
    columns = [name or f"column {number}" for number, name in enumerate(names, start=1)]
    double, count = Counter(columns).most_common(1)[0]
    if count > 1:
        raise RecordError(f"two columns are called {double!r}; rename one")
    return columns


def _record(columns: list[str], cells: list[str], required: frozenset[str], converters: Converters) -> dict[str, Any]:
    """A row as a record; an empty cell that need not be filled is left out."""
    if len(cells) != len(columns):
        raise RecordError(f"{len(cells)} cells under {len(columns)} columns; mend the row")
    values: list[Any] = list(cells)
    for number, convert in converters.items():
        values[number] = convert(cells[number])
    pairs = zip(columns, cells, values, strict=True)
    return {name: value for name, cell, value in pairs if cell or name in required}


CSV = Format("csv", partial(_read_table, separator=","))
TSV = Format("tsv", partial(_read_table, separator="\t"))
