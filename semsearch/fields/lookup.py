"""Values of a field for some rows, as Python's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from semsearch.common.arrays import Int64
from semsearch.fields.columns import BOOLEAN, LIST, NULL, Column, Columns
from semsearch.fields.paths import Path

__all__ = ["look_up"]


def look_up(segments: Sequence[Columns], path: Path, rows: Int64) -> list[Any]:
    """A field's value in the document of each row: a plain one, a tuple for a list, ``None`` where there is none."""
    values: list[Any] = [None] * len(rows)
    for segment in segments:
        places = np.flatnonzero((rows >= segment.first) & (rows < segment.end))
        if not len(places):
            continue
        documents = np.searchsorted(segment.starts, rows[places] - segment.first, side="right") - 1
        for (name, kind), column in segment.columns.items():
            if name == path and kind not in (NULL, NULL + LIST):
                _fill(values, places, documents, column, kind)
    return values


def _fill(values: list[Any], places: Int64, documents: Int64, column: Column, kind: str) -> None:
    lows = np.searchsorted(column.documents, documents, side="left")
    highs = np.searchsorted(column.documents, documents, side="right")
    for place, low, high in zip(places.tolist(), lows.tolist(), highs.tolist(), strict=True):
        if low < high:
            found = [_value(column, number, kind) for number in range(low, high)]
            values[place] = (*(values[place] or ()), *found) if kind.endswith(LIST) else found[0]


def _value(column: Column, number: int, kind: str) -> Any:
    if len(column.ends):
        start = int(column.ends[number - 1]) if number else 0
        return column.text[start : int(column.ends[number])].tobytes().decode("utf-8", "surrogatepass")
    value = column.values[number].item()
    return bool(value) if kind.startswith(BOOLEAN) else value
