"""Checksums of index files: SHA-256 over those of blocks, so that threads can share a file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from semsearch.common.threads import run

__all__ = ["Digest", "has_digest"]

BLOCK = 1 << 22
PIECE = 1 << 18
"""Bytes that are read at a time, into the same memory, which stays in the processor's cache."""


class Digest:
    """The checksum of what is written piece by piece: SHA-256 of one block, or of the SHA-256 of all blocks."""

    def __init__(self) -> None:
        self._full: list[bytes] = []
        self._last, self._room = hashlib.sha256(), BLOCK

    def update(self, content: bytes | memoryview) -> None:
        """Go on with these bytes."""
        rest = memoryview(content)
        while rest:
            if not self._room:
                self._full.append(self._last.digest())
                self._last, self._room = hashlib.sha256(), BLOCK
            piece, rest = rest[: self._room], rest[self._room :]
            self._last.update(piece)
            self._room -= len(piece)

    def hexdigest(self) -> str:
        """The checksum as 64 characters."""
        return _combine([*self._full, self._last.digest()])


def has_digest(path: Path, expected: str, threads: int = 1) -> bool:
    """Whether a file has this checksum; raises :class:`OSError`."""
    blocks = range(0, max(path.stat().st_size, 1), BLOCK)
    return _combine(run([partial(_hash_block, path, start) for start in blocks], threads)) == expected


def _hash_block(path: Path, start: int) -> bytes:
    checksum, memory, rest = hashlib.sha256(), memoryview(bytearray(PIECE)), BLOCK
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while read := file.readinto(memory[:rest]):
            checksum.update(memory[:read])
            rest -= read
    return checksum.digest()


def _combine(blocks: Sequence[bytes]) -> str:
    return blocks[0].hex() if len(blocks) == 1 else hashlib.sha256(b"".join(blocks)).hexdigest()
