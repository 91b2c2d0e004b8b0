"""The tables of the database, one module each: all that is known of a table stands there.

``TABLES`` is what the writer, compaction, verification, salvage and the seal walk over. Tables that refer to others
stand behind them: what is added goes through the list forwards, what is deleted backwards.
"""

from __future__ import annotations

import sqlite3

from semsearch.storage.database.connection import folder_of
from semsearch.storage.settings import Definition
from semsearch.storage.tables.blocks import BLOCKS, WORD_BLOCKS, Blocks
from semsearch.storage.tables.dead import DEAD
from semsearch.storage.tables.documents import DOCUMENTS
from semsearch.storage.tables.indexes import INDEXES, WORD_INDEXES, Indexes
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.passages import PASSAGES
from semsearch.storage.tables.readings import READINGS
from semsearch.storage.tables.segments import FIELDS, POSTINGS, Segments
from semsearch.storage.tables.sources import SOURCES
from semsearch.storage.tables.stamps import STAMPS
from semsearch.storage.tables.table import Table
from semsearch.storage.tables.tuning import TUNING, WORD_TUNING, Tuning
from semsearch.storage.tables.words import WORDS
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

__all__ = ["BLOCKS_OF", "INDEXES_OF", "SEGMENT_TABLES", "TABLES", "TUNING_OF", "tables_in", "tables_of"]

TABLES: tuple[Table, ...] = (
    META,
    SOURCES,
    STAMPS,
    DOCUMENTS,
    PASSAGES,
    READINGS,
    DEAD,
    BLOCKS,
    INDEXES,
    TUNING,
    POSTINGS,
    FIELDS,
    WORDS,
    WORD_INDEXES,
    WORD_TUNING,
    WORD_BLOCKS,
)
"""All tables but ``state``, whose one row seals them. The seal depends on their order."""

SEGMENT_TABLES: tuple[Segments, ...] = (POSTINGS, FIELDS)
BLOCKS_OF: dict[VectorKind, Blocks] = {PASSAGE_VECTORS: BLOCKS, WORD_VECTORS: WORD_BLOCKS}
INDEXES_OF: dict[VectorKind, Indexes] = {PASSAGE_VECTORS: INDEXES, WORD_VECTORS: WORD_INDEXES}
TUNING_OF: dict[VectorKind, Tuning] = {PASSAGE_VECTORS: TUNING, WORD_VECTORS: WORD_TUNING}


def tables_of(definition: Definition) -> list[Table]:
    """The tables that a collection made so has."""
    return [table for table in TABLES if table.is_kept(definition)]


def tables_in(connection: sqlite3.Connection) -> list[Table]:
    """The tables that a database must have, as its settings say: one that is missing is damage."""
    return tables_of(Definition.read(META.read(connection), folder_of(connection)))
