"""Columns: the values of each field of some neighbouring documents, by type. They make a segment.

Arrays of a segment of d documents with r rows, by name; ``n`` counts columns::

    starts        uint32[d + 1]  where the rows of each document begin, counted from the segment's first, and the end
    names         uint8[bytes]   JSON: [[path, type], …] of each column
    n.documents   uint32[v]      which documents have the values, ascending, one several times for a list's values
    n.values      float64, int64 or uint8[v]  the values of numbers and of booleans
    n.text        uint8[bytes]   the values of strings as UTF-8, one behind the other
    n.ends        uint32[v]      where each ends; uint64 if there is much text

A field that has values of several types has a column of each. ``null`` columns have no values.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64
from semsearch.common.documents import Document
from semsearch.common.named_arrays import pack_arrays, unpack_arrays
from semsearch.fields.paths import Path, field_values, spell

__all__ = ["BOOLEAN", "COLUMNS", "Column", "Columns", "FLOAT", "INTEGER", "LIST", "NULL", "STRING", "build_columns"]
__all__ += ["LARGEST_INTEGER", "merge_columns", "to_float"]

COLUMNS = 1
"""Version of what is made of documents here; a change makes the columns of all collections anew."""
NULL, BOOLEAN, INTEGER, FLOAT, STRING = "null", "boolean", "integer", "float", "string"
LIST = "[]"
"""What the type of a list's values ends with."""
_NUMBERS: dict[str, Any] = {INTEGER: np.int64, FLOAT: np.float64, BOOLEAN: np.uint8}
LARGEST_INTEGER = (1 << 63) - 1

Key = tuple[Path, str]


@dataclass(frozen=True, slots=True)
class Column:
    """Values of a field of one type: ``documents`` uint32[v], and ``values`` of numbers, or ``text`` and ``ends``."""

    documents: npt.NDArray[np.uint32]
    values: npt.NDArray[Any]
    text: npt.NDArray[np.uint8]
    ends: npt.NDArray[Any]

    @property
    def sizes(self) -> Int64:
        """How many bytes each string has."""
        ends = self.ends.astype(np.int64)
        return ends - np.concatenate([[0], ends[:-1]]) if len(ends) else ends


class Columns:
    """The columns of the documents of rows ``first`` … ``end`` - 1."""

    def __init__(self, starts: npt.NDArray[np.uint32], columns: Mapping[Key, Column], first: int) -> None:
        self.starts = starts
        self.columns = columns
        self.first = first
        self.end = first + int(starts[-1])
        self.documents = len(starts) - 1

    @classmethod
    def unpack(cls, content: bytes | npt.NDArray[np.uint8], first: int) -> Columns:
        """From what :meth:`pack` made; raises one of ``NONSENSE``."""
        arrays = unpack_arrays(content)
        columns: dict[Key, Column] = {}
        for number, (path, kind) in enumerate(json.loads(arrays["names"].tobytes())):
            numeric = _NUMBERS.get(kind.removesuffix(LIST))
            nothing = np.empty(0, numeric or np.uint8)
            columns[tuple(path), kind] = Column(
                arrays[f"{number}.documents"],
                arrays[f"{number}.values"] if numeric else nothing,
                *((arrays[f"{number}.text"], arrays[f"{number}.ends"]) if _is_text(kind) else _NO_TEXT),
            )
        return cls(arrays["starts"], columns, first)

    def pack(self) -> Iterator[bytes | memoryview]:
        """Its bytes for a file or a value of a table, piece by piece."""
        names = json.dumps([[list(path), kind] for path, kind in self.columns]).encode()
        arrays: dict[str, npt.NDArray[Any]] = {"starts": self.starts, "names": np.frombuffer(names, np.uint8)}
        for number, ((_, kind), column) in enumerate(self.columns.items()):
            arrays[f"{number}.documents"] = column.documents
            if kind.removesuffix(LIST) in _NUMBERS:
                arrays[f"{number}.values"] = column.values
            elif _is_text(kind):
                arrays[f"{number}.text"], arrays[f"{number}.ends"] = column.text, column.ends
        return pack_arrays(arrays)

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def sizes(self) -> Int64:
        """How many rows each document has."""
        return np.diff(self.starts).astype(np.int64)

    def check(self) -> None:
        """Raise ValueError if what is said does not fit together."""
        sound = self.starts[0] == 0 and _rise(self.starts)
        for (_, kind), column in self.columns.items():
            count = len(column.documents)
            sound &= not count or int(column.documents.max()) < self.documents
            sound &= len(column.values) == count or kind.removesuffix(LIST) not in _NUMBERS
            sound &= not _is_text(kind) or (len(column.ends) == count and _rise(column.ends))
            sound &= not len(column.ends) or int(column.ends[-1]) == len(column.text)
        if not sound:
            raise ValueError("its columns do not fit its documents")

    def keep(self, live: npt.NDArray[np.bool_], first: int) -> Columns:
        """The columns of the documents some of whose rows, bool[r], are kept, numbered anew from ``first`` on."""
        counted = np.concatenate([[0], np.cumsum(live)])
        sizes = np.diff(counted[self.starts])  # a document's rows are all kept, or none
        kept = sizes > 0
        numbers = (np.cumsum(kept) - 1).astype(np.uint32)
        columns = {}
        for key, column in self.columns.items():
            chosen = kept[column.documents]
            if chosen.any():
                columns[key] = _choose(column, chosen, numbers)
        return Columns(np.concatenate([[0], np.cumsum(sizes[kept])]).astype(np.uint32), columns, first)


def build_columns(documents: Sequence[tuple[Document, int]], first: int) -> Columns:
    """The columns of documents, each with how many rows it has, from row ``first`` on."""
    owners: dict[Key, list[int]] = defaultdict(list)
    values: dict[Key, list[Any]] = defaultdict(list)
    for number, (document, _) in enumerate(documents):
        for path, value in field_values(document):
            for kind, one in _typed(value):
                owners[path, kind].append(number)
                values[path, kind].append(one)
    columns = {key: _column(key[1], owners[key], values[key]) for key in sorted(owners)}
    starts = np.concatenate([[0], np.cumsum([rows for _, rows in documents], dtype=np.int64)]).astype(np.uint32)
    return Columns(starts, columns, first)


def merge_columns(segments: Sequence[Columns]) -> Columns:
    """One segment of several that follow each other."""
    if len(segments) == 1:
        return segments[0]
    parts: dict[Key, list[tuple[Column, int]]] = defaultdict(list)
    starts, documents = [np.zeros(1, np.uint32)], 0
    for segment in segments:
        for key, column in segment.columns.items():
            parts[key].append((column, documents))
        starts.append(segment.starts[1:] + np.uint32(segment.first - segments[0].first))
        documents += segment.documents
    columns = {key: _concatenate(parts[key]) for key in sorted(parts)}
    return Columns(np.concatenate(starts), columns, segments[0].first)


_NO_TEXT = np.empty(0, np.uint8), np.empty(0, np.uint32)


def _rise(values: npt.NDArray[Any]) -> bool:
    """Whether unsigned numbers never fall."""
    return bool((values[1:] >= values[:-1]).all())


def _is_text(kind: str) -> bool:
    return kind.removesuffix(LIST) == STRING


def _typed(value: Any, suffix: str = "") -> Iterable[tuple[str, Any]]:
    """The columns that a value goes to, and what is put there."""
    if value is None:
        return ((NULL + suffix, None),)
    if isinstance(value, bool):
        return ((BOOLEAN + suffix, value),)
    if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return ((INTEGER + suffix, value),)
    if isinstance(value, int | float):
        return ((FLOAT + suffix, to_float(value)),)
    if isinstance(value, list | tuple) and not suffix:
        return [pair for one in value for pair in _typed(one, LIST)] or ((NULL + LIST, None),)
    return ((STRING + suffix, value if isinstance(value, str) else spell(value)),)


def to_float(value: float) -> float:
    """The number in double precision; one of hundreds of digits is beyond all others."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value > 0 or -1)


def _column(kind: str, owners: Sequence[int], values: Sequence[Any]) -> Column:
    documents = np.array(owners, np.uint32)
    numeric = _NUMBERS.get(kind.removesuffix(LIST))
    if numeric:
        return Column(documents, np.array(values, numeric), *_NO_TEXT)
    if not _is_text(kind):
        return Column(documents, np.empty(0, np.uint8), *_NO_TEXT)
    spelled = [value.encode("utf-8", "surrogatepass") for value in values]
    ends = np.cumsum([len(one) for one in spelled], dtype=np.int64)
    return Column(documents, np.empty(0, np.uint8), np.frombuffer(b"".join(spelled), np.uint8), _narrow(ends))


def _concatenate(parts: Sequence[tuple[Column, int]]) -> Column:
    """Columns of several segments as one; each comes with the number of its first document."""
    texts = np.cumsum([0, *(len(column.text) for column, _ in parts)])
    return Column(
        np.concatenate([column.documents + np.uint32(document) for column, document in parts]),
        np.concatenate([column.values for column, _ in parts]),
        np.concatenate([column.text for column, _ in parts]),
        _narrow(
            np.concatenate(
                [column.ends.astype(np.int64) + at for (column, _), at in zip(parts, texts[:-1], strict=True)]
            )
        ),
    )


def _choose(column: Column, chosen: npt.NDArray[np.bool_], numbers: npt.NDArray[np.uint32]) -> Column:
    """Some of a column's values, whose documents get other numbers."""
    documents = numbers[column.documents[chosen]]
    if not len(column.ends):
        return Column(documents, column.values[chosen] if len(column.values) else column.values, *_NO_TEXT)
    text = column.text[np.repeat(chosen, column.sizes)]
    return Column(documents, column.values, text, _narrow(np.cumsum(column.sizes[chosen])))


def _narrow(ends: Int64) -> npt.NDArray[Any]:
    return ends.astype(np.uint32 if not len(ends) or ends[-1] < 1 << 32 else np.uint64)
