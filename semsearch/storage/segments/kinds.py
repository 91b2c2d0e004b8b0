"""The kinds of segments, and what each makes of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from semsearch.fields.columns import COLUMNS, Columns, build_columns, merge_columns
from semsearch.lexical.postings import Postings, build_postings, merge_postings
from semsearch.lexical.terms import ANALYSIS, analyzer_of
from semsearch.storage.prepared import Prepared
from semsearch.storage.settings import CollectionSettings
from semsearch.storage.tables.segments import FIELDS, POSTINGS, Segments

__all__ = ["FIELD_SEGMENTS", "POSTING_SEGMENTS", "SEGMENT_KINDS", "Segment", "SegmentKind"]


class Segment(Protocol):
    """What is derived from rows ``first`` … ``end`` - 1."""

    first: int
    end: int

    def __len__(self) -> int: ...

    def pack(self) -> Iterator[bytes | memoryview]:
        """Its bytes, piece by piece, which the kind can read."""

    def check(self) -> None:
        """Raise ValueError if it is not sound in itself."""

    def keep(self, live: npt.NDArray[np.bool_], first: int) -> Self:
        """The same of some of its rows, bool[n], numbered anew from ``first`` on."""


@dataclass(frozen=True, slots=True)
class SegmentKind:
    """A kind of segments: the table with its records, and the version of what makes it.

    ``build`` makes the segment of all passages of some documents, whose rows follow each other from a number on;
    ``read`` one of its bytes and the number of its first row, or raises one of ``NONSENSE``; ``merge`` one of several
    that follow each other.
    """

    table: Segments
    version: int
    build: Callable[[Sequence[Prepared], CollectionSettings, int], Segment]
    read: Callable[[bytes | npt.NDArray[np.uint8], int], Segment]
    merge: Callable[[Sequence[Any]], Segment]


def _build_postings(documents: Sequence[Prepared], settings: CollectionSettings, first: int) -> Postings:
    """Which words are in which passages; a title is read before each, as the encoder does."""
    texts = (text for prepared in documents for text in prepared.texts())
    return build_postings(texts, analyzer_of(settings.language), first)


def _build_columns(
    documents: Sequence[Prepared],
    settings: CollectionSettings,  # noqa: ARG001 - columns are the same under all settings
    first: int,
) -> Columns:
    return build_columns([(prepared.document, len(prepared.spans)) for prepared in documents], first)


POSTING_SEGMENTS = SegmentKind(POSTINGS, ANALYSIS, _build_postings, Postings.unpack, merge_postings)
"""The words of passages, for lexical search."""
FIELD_SEGMENTS = SegmentKind(FIELDS, COLUMNS, _build_columns, Columns.unpack, merge_columns)
"""The fields of documents, for filters."""
SEGMENT_KINDS = (POSTING_SEGMENTS, FIELD_SEGMENTS)
