"""The kinds of vectors that a collection keeps: one a passage, and in some collections one a word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from semsearch.index import Code

__all__ = ["PASSAGE_VECTORS", "VECTOR_KINDS", "WORD_VECTORS", "VectorKind"]


@dataclass(frozen=True, slots=True)
class VectorKind:
    """A kind of vectors: how its files are named, how a number is coded, what its tables' names begin with."""

    file_stem: str
    index_stem: str
    table_prefix: str
    code: Code

    def vector_path(self, folder: Path, epoch: int) -> Path:
        """The vector file of a collection; a compaction begins a new epoch."""
        return folder / f"{self.file_stem}-{epoch}.{self.code.value}"

    def index_name(self, generation: int, first: int) -> str:
        """The name of the index file over the rows from ``first`` on that was built for a generation."""
        return f"{self.index_stem}-{generation}-{first}.faiss"


PASSAGE_VECTORS = VectorKind("vectors", "index", "", Code.FLOAT16)
"""Every collection has these."""
WORD_VECTORS = VectorKind("words", "word-index", "word_", Code.UINT8)
"""Collections made with ``word_vectors`` have these."""
VECTOR_KINDS = (PASSAGE_VECTORS, WORD_VECTORS)
