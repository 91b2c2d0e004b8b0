"""Spreadsheets (Excel, OpenDocument), by calamine: a row is a document, under the names of the first row."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Sequence
from typing import Any

from semsearch.common.environment import import_extra
from semsearch.ingest.extraction.archive import check_archive
from semsearch.ingest.extraction.parts import Part

__all__ = ["extract"]

OLD_EXCEL = b"\xd0\xcf\x11\xe0"
"""What .xls files begin with, which are no archives."""


def extract(data: bytes) -> Iterator[Part]:
    """The rows of all sheets; an id ends with the sheet and the row as the program numbers it."""
    calamine = import_extra("python_calamine", "files", "reading spreadsheets")
    if not data.startswith(OLD_EXCEL):
        check_archive(data)
    workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    for name in workbook.sheet_names:
        rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
        yield from _read_rows(name, rows)


def _read_rows(sheet: str, rows: Sequence[Sequence[Any]]) -> Iterator[Part]:
    filled = [number for number, row in enumerate(rows) if any(_plain(cell) not in ("", None) for cell in row)]
    if not filled:
        return
    head = [str(_plain(cell) or f"column {column}") for column, cell in enumerate(rows[filled[0]], start=1)]
    for number in filled[1:]:
        values = {name: _plain(cell) for name, cell in zip(head, rows[number], strict=False)}
        values = {name: value for name, value in values.items() if value not in ("", None)}
        text = values.pop("text", None)
        title = values.pop("title", None) if text is not None else None
        shown = "\n".join(f"{name}: {value}" for name, value in values.items()) if text is None else str(text)
        yield Part(shown, None if title is None else str(title), f"#{sheet}:{number + 1}", values)


def _plain(cell: Any) -> Any:
    """A cell as JSON has it; a whole number is one."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, datetime.timedelta):
        return str(cell)
    return cell.strip() if isinstance(cell, str) else cell
