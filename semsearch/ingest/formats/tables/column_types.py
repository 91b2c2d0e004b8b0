"""Which columns of a table of texts hold numbers, or yes and no: a CSV file does not say.

A column is of numbers if all cells that are looked at are numbers as a program writes them. ``007`` is none: what has
zeros in front is a name, and so is its whole column. A cell farther on that is no number stays a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from semsearch.common.errors import RecordError
from semsearch.ingest.formats.tables.rows import NumberedCells

__all__ = ["Converters", "find_converters", "look_ahead"]

LOOKED_AT_ROWS = 1000
LOOKED_AT_CHARACTERS = 1 << 20
"""Rows that are read before the first is handed on, and what they hold at most."""

_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?(?:[eE][+-]?\d{1,2})?")
_TRUTHS = {"true": True, "false": False}

Converters = Mapping[int, Callable[[str], object]]
"""What makes values of the cells of some columns, by their number."""


def look_ahead(rows: Iterator[NumberedCells]) -> tuple[list[list[str]], Iterator[NumberedCells]]:
    """The cells of the first sound rows, and all rows."""
    first: list[NumberedCells] = []
    characters = 0
    for numbered in rows:
        first.append(numbered)
        characters += 0 if isinstance(numbered[1], RecordError) else sum(map(len, numbered[1]))
        if len(first) == LOOKED_AT_ROWS or characters > LOOKED_AT_CHARACTERS:
            break
    return [cells for _, cells in first if not isinstance(cells, RecordError)], chain(first, rows)


def find_converters(columns: Sequence[str], sample: Iterable[Sequence[str]], texts: Iterable[str]) -> Converters:
    """The columns that are not of texts, by all their cells in the sample; those named in ``texts`` are."""
    whole = [cells for cells in sample if len(cells) == len(columns)]
    named = set(texts)
    converters: dict[int, Callable[[str], object]] = {}
    for number, name in enumerate(columns):
        cells = [row[number] for row in whole if row[number]]
        if not cells or name in named:
            continue
        if all(_NUMBER.fullmatch(cell) for cell in cells):
            converters[number] = _to_number
        elif all(cell.lower() in _TRUTHS for cell in cells):
            converters[number] = _to_truth
    return converters


def _to_number(cell: str) -> object:
    if _INTEGER.fullmatch(cell):
        return int(cell)
    return float(cell) if _NUMBER.fullmatch(cell) else cell


def _to_truth(cell: str) -> object:
    return _TRUTHS.get(cell.lower(), cell)
