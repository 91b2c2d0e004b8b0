"""A document as it is split, and what the encoder reads of it, or a vector that needs no encoder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from semsearch.common.arrays import Float32
from semsearch.common.documents import Document, Span

__all__ = ["Prepared", "given_digest", "reading_digest"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document and the spans of its passages."""

    document: Document
    spans: tuple[Span, ...]
    vector: Float32 | None = None
    """The one passage's, float32[dimension], where the document brought it along."""

    @property
    def before(self) -> str:
        """What the encoder reads before each passage: the title, if there is one."""
        return f"{self.document.title} " if self.document.title else ""

    def texts(self) -> list[str]:
        """What the encoder reads for each passage."""
        return [self.before + self.document.text[start:end] for start, end in self.spans]

    def digests(self) -> list[bytes]:
        """The names of what the encoder reads for each passage, or of the vector that the document brings along."""
        if self.vector is not None:
            return [given_digest(self.vector)] * len(self.spans)
        return [reading_digest(self.before, self.document.text[start:end]) for start, end in self.spans]


def reading_digest(before: str, passage: str) -> bytes:
    """16 bytes that name what the encoder reads: a passage, and what is put ``before`` it.

    Where the passage begins is a part of it, since words are kept of the passage alone.
    """
    content = f"{len(before)} {before}{passage}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).digest()[:16]


def given_digest(vector: Float32) -> bytes:
    """16 bytes that name a vector that was given, among those that name what the encoder has read."""
    return hashlib.sha256(b"vector " + vector.astype("<f4").tobytes()).digest()[:16]
