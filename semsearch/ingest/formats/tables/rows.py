"""The rows of a table as the csv module reads them, but for quotes that are no quoting marks.

A stray quote at the start of a cell makes the csv module read on over line ends, until the next quote or the end of the
file. Two signs give it away. Either the record breaks: then the line that it begins on is an error, and reading goes on
with the line below. Or the next stray quote closes it: then each of its lines is a whole row by itself, in a way that
the lines of a text are not.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from semsearch.common.errors import RecordError
from semsearch.ingest.formats.tables.separators import Layout, csv_rows

__all__ = ["Lines", "NumberedCells", "read_rows"]

NumberedCells = tuple[int, list[str] | RecordError]
"""The number of the line that a row begins on, and its cells or what is wrong with it."""

_TOLERANCE = 10
"""Of so many lines in a row, one may be no row without making them a text."""

_MANY_LINES = 5
"""Lines of a text that all have the commas of a row, with no space behind them: hardly ever so many."""

_FEW_LINES = 3
"""The same where the separator is a tab, which texts do not have, or where the record is broken anyway."""

_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_THOUSANDS = re.compile(r"(?<!\d)\d{1,3},\d{3}(?!\d)")


class Lines:
    """Lines that can be put back; ``taken`` are those of the current record, ``number`` counts all that were read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.number: int = 0
        self.ended: bool = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._waiting.popleft() if self._waiting else next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        self.taken.append(line)
        self.number += 1
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        """Hand out these lines, the last that were taken, once more."""
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)
        self.ended = False


def read_rows(lines: Lines, layout: Layout) -> Iterator[NumberedCells]:
    """The rows that hold anything, good and bad; the first one says how many cells a row has."""
    # Strict, or a quote that is never closed would silently swallow the rest of the file.
    reader = csv_rows(lines, layout, strict=True)
    width: int | None = None
    while True:
        lines.taken = []
        number = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, RecordError(f"not a row: {error}; mend it")
            yield from _read_singly(number + 1, _lines_behind(lines), layout)
            continue
        rows = None if width is None or len(lines.taken) == 1 else _take_apart(lines.taken, row, width, layout)
        if rows is not None:
            yield from enumerate(rows, start=number)
        elif row:
            yield number, row
            width = width or len(row)


def _lines_behind(lines: Lines) -> list[str]:
    """The lines that a broken record has swallowed; the one that broke it may begin another record and is put back.

    No quote among them opens a cell that was closed properly, or the record would have broken there. That they are
    read one by one keeps reading linear: no line is part of more than two attempts at a record.
    """
    if lines.ended:
        return lines.taken[1:]
    lines.put_back(lines.taken[1:][-1:])
    return lines.taken[1:-1]


def _read_singly(number: int, lines: Iterable[str], layout: Layout) -> Iterator[NumberedCells]:
    """Each line as a row."""
    for place, line in enumerate(lines, start=number):
        try:
            row = _row_of(line, layout)
        except csv.Error as error:
            yield place, RecordError(f"not a row: {error}; mend it")
        else:
            if row:
                yield place, row


def _take_apart(lines: Sequence[str], row: list[str], width: int, layout: Layout) -> list[list[str]] | None:
    """The rows that the lines of one record are by themselves; none if they are one row after all."""
    if width == 1:
        return None
    rows, misfits = [], 0
    for line in lines:
        rows.append(_cells(line, layout))
        misfits += not _is_whole(line, rows[-1], width, layout)
        if misfits * _TOLERANCE > len(lines):
            return None
    if not (_is_whole(lines[0], rows[0], width, layout) and _is_whole(lines[-1], rows[-1], width, layout)):
        return None
    enough = _FEW_LINES if layout.separator == "\t" or len(row) != width else _MANY_LINES
    return rows if (len(rows) >= enough and _are_filled(rows)) or _have_telling_column(rows, width) else None


def _cells(line: str, layout: Layout) -> list[str]:
    """The cells of a line by itself; a quote that opens or closes nothing is a letter."""
    try:
        return _row_of(line, layout)
    except csv.Error:
        return _split(line, layout)


def _row_of(line: str, layout: Layout) -> list[str]:
    """The cells of a line by itself, none if it is empty; raises csv.Error for a bad quote."""
    if '"' in line:
        return next(csv_rows([line], layout, strict=True))
    return _split(line, layout) if line.strip("\r\n") else []


def _split(line: str, layout: Layout) -> list[str]:
    cells = line.rstrip("\r\n").split(layout.separator)
    return [cell.lstrip(" ") for cell in cells] if layout.spaces else cells


def _is_whole(line: str, cells: Sequence[str], width: int, layout: Layout) -> bool:
    """Whether a line could be a row; a line of a text that has as many commas has spaces behind them."""
    if len(cells) != width or any(cell.strip() in ('"', '""') for cell in cells):
        return False
    if layout.separator == "," and _THOUSANDS.search(line):
        return False
    return layout.spaces or not any(cell.startswith(" ") for cell in cells[1:])


def _are_filled(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows have no empty cells; a line of a poem ends in a comma."""
    return sum(not all(row) for row in rows) * _TOLERANCE <= len(rows)


def _have_telling_column(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether rows have a column of numbers, dates or codes of one shape; in two rows they must rise."""
    whole = [row for row in rows if len(row) == width]
    return any(_is_telling([row[column] for row in whole]) for column in range(width))


def _is_telling(cells: Sequence[str]) -> bool:
    shape, count = Counter(map(_shape, cells)).most_common(1)[0]
    if "9" not in shape or " " in shape or (len(cells) - count) * _TOLERANCE > len(cells):
        return False
    return len(cells) >= _FEW_LINES or _numbers(cells[0]) < _numbers(cells[-1])


def _shape(cell: str) -> str:
    """A cell with all its numbers and words alike: ``2024-01-31`` and ``1999-12-01`` have the same shape."""
    return _LETTERS.sub("a", _DIGITS.sub("9", cell.strip()))


def _numbers(cell: str) -> list[int]:
    return [int(digits[:18]) for digits in _DIGITS.findall(cell)]
