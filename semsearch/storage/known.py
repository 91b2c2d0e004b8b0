"""What the collection has encoded before, found by what the encoder reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.encoder.words import PassageWords
from semsearch.storage.encoding import EncodedPassage
from semsearch.storage.tables.readings import KnownReadings, Reading
from semsearch.storage.tables.words import WORDS
from semsearch.storage.vectors.committed import CommittedVectors
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind
from semsearch.storage.vectors.passing import open_passing

__all__ = ["KnownPassages"]


class KnownPassages:
    """Finds passages with their vectors among the committed rows, deleted ones included.

    The words of a deleted passage are not kept: in a collection with word vectors only live ones are found. A row that
    does not match its checksum is not found, and is encoded again.
    """

    def __init__(self, connection: sqlite3.Connection, vectors: CommittedVectors) -> None:
        self._connection = connection
        self._vectors = vectors
        self._readings = KnownReadings(connection)

    def find(self, digests: Sequence[bytes]) -> dict[bytes, EncodedPassage]:
        """Those of the passages that are known, by their digests."""
        readings = self._readings.find(digests)
        vectors = self._take_sound(PASSAGE_VECTORS, [reading.row for reading in readings.values()])
        sound = {digest: reading for digest, reading in readings.items() if reading.row in vectors}
        if WORD_VECTORS not in self._vectors.kinds:
            return {digest: _passage(reading, vectors) for digest, reading in sound.items()}
        words = self._read_words([reading.row for reading in sound.values()])
        return {
            digest: _passage(reading, vectors, words[reading.row])
            for digest, reading in sound.items()
            if reading.row in words
        }

    def _read_words(self, rows: Sequence[int]) -> dict[int, PassageWords]:
        """The words of live passages; those of a row are left out if the vector of one is damaged."""
        stored = WORDS.read_spans(self._connection, rows)
        wanted = [row for words in stored.values() for row in words.rows]
        vectors = self._take_sound(WORD_VECTORS, wanted)
        none = np.empty((0, self._vectors.file(WORD_VECTORS).dimension), np.float32)
        return {
            row: PassageWords(words.spans, np.concatenate([none, *(vectors[number][None] for number in words.rows)]))
            for row, words in stored.items()
            if all(number in vectors for number in words.rows)
        }

    def _take_sound(self, kind: VectorKind, rows: Sequence[int]) -> dict[int, Float32]:
        """The vectors of those of these rows that are committed and match their checksums."""
        if not rows:
            return {}
        count = self._vectors.count(kind)
        committed: Int64 = np.array(sorted({row for row in rows if row < count}), np.int64)
        stored = open_passing(self._vectors.file(kind), count)
        sound = np.setdiff1d(committed, stored.find_damaged(committed), assume_unique=True)
        return dict(zip(sound.tolist(), self._vectors.rows(kind, stored).take(sound), strict=True))


def _passage(reading: Reading, vectors: dict[int, Float32], words: PassageWords | None = None) -> EncodedPassage:
    return EncodedPassage(vectors[reading.row], reading.cut, reading.unknown, words)
