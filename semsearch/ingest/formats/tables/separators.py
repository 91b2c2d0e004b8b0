"""How the cells of a table are separated: recognised by its header, since tables rarely say so themselves."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["SEPARATORS", "Layout", "announced_separator", "csv_rows", "recognise_layout"]

SEPARATORS = ",;\t|"
"""What separates cells, the usual ones first."""

_LARGEST_CELL = 2**31 - 1
"""Characters in one cell; the most that the csv module takes on every platform."""

_ANNOUNCEMENT = re.compile(r'"?sep=(?:(\\t)|([^"\w\r\n]))"?\s*', re.IGNORECASE)
"""A first line for spreadsheets that names the separator."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What separates cells, and whether spaces after it belong to it."""

    separator: str
    spaces: bool = False


def announced_separator(line: str) -> str | None:
    """The separator that a first line ``sep=;`` names, none if it is another line."""
    match = _ANNOUNCEMENT.fullmatch(line)
    return match and ("\t" if match[1] else match[2])


def csv_rows(lines: Iterable[str], layout: Layout, strict: bool = False) -> Iterator[list[str]]:
    """The csv module's reader, which raises for bad quotes if it is strict."""
    # The limit holds for the whole process. It stays raised, because other code may read tables between our rows.
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    return csv.reader(lines, delimiter=layout.separator, skipinitialspace=layout.spaces, strict=strict)


def recognise_layout(sample: Sequence[str], names: Sequence[str], default: str, fixed: bool = False) -> Layout:
    """How a table is written that begins with the lines ``sample``.

    The separator under which the header has most of ``names``, the first of them before all others; of equals the
    default, which stays if it is ``fixed``. Without such a header, the first one that makes several columns: what is
    wrong is then said of these.
    """
    others = "" if fixed else SEPARATORS.replace(default, "")
    headers = {separator: _header(sample, separator) for separator in (default, *others)}
    separator = max(headers, key=lambda separator: _rank(headers[separator], names))
    return Layout(separator, _has_spaces(sample, separator, names))


def _header(sample: Sequence[str], separator: str) -> list[str]:
    return next(_sample_rows(sample, Layout(separator)), [])


def _sample_rows(sample: Sequence[str], layout: Layout) -> Iterator[list[str]]:
    """The rows that hold anything."""
    return filter(None, csv_rows(sample, layout))


def _rank(header: Sequence[str], names: Sequence[str]) -> tuple[bool, int, bool]:
    """How much speaks for the separator that gives this header."""
    columns = {name.strip() for name in header}
    return names[0] in columns, sum(name in columns for name in names), len(header) > 1


def _has_spaces(sample: Sequence[str], separator: str, names: Sequence[str]) -> bool:
    """Whether separators are followed by a space: in the header, or before a quote that is to open a cell."""
    header = _header(sample, separator)
    stripped = {name.strip() for name in header}
    if any(name in stripped and name not in header for name in names):
        return True
    if len(header) > 1 and all(name.startswith(" ") for name in header[1:]):
        return True
    if not any(f'{separator} "' in line for line in sample):
        return False
    rows = list(_sample_rows(sample, Layout(separator)))
    closer = list(_sample_rows(sample, Layout(separator, spaces=True)))
    opened = any(cell.startswith(' "') for row in rows if row not in closer for cell in row)
    return opened and all(len(row) == len(header) for row in closer)
