"""The words of a model's vocabulary as a space, in which words of several pieces have their place, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from semsearch.common.arrays import Float32, Int64, chunks
from semsearch.common.environment import cache_folder
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder
from semsearch.encoder.cache import load_or_make, short_digest
from semsearch.words.spaces.preparation import Preparation, SpellingMap
from semsearch.words.spaces.sources import Static, WholeEncoder, open_source
from semsearch.words.spaces.space import Space
from semsearch.words.spaces.whole_words import spell_out, whole_words

__all__ = ["DEFAULT_DROP", "DEFAULT_SPACE", "Vocabulary"]

DEFAULT_SPACE = "layer:1,2"
DEFAULT_DROP = 1
"""With the packaged model these answer most of the Google analogies; see docs/benchmarks.md."""
VERSION = 1
"""Part of the cache's key: raise it when the same model's vectors come out otherwise."""
CountProgress = Callable[[int, int], None]
CHUNK = 2048
"""Words that are encoded at a time."""


class Vocabulary(Space):
    """The whole-word tokens of an encoder's vocabulary, in one of its spaces.

    ``space`` is ``static`` (the input embeddings), ``layer:N`` (a hidden layer of the word alone; ``layer:1,2``
    is the mean of two) or ``encoded`` (the whole encoder). ``center`` and ``drop`` are those of
    :meth:`Space.prepared`. Every method takes any words: those of several pieces are encoded when they are
    asked for. ``tokens`` are the ids of ``names``.

    All but ``static`` is made once, in about half a minute, and kept in the cache folder; ``progress`` is
    called with the number of words done and of all words.
    """

    def __init__(
        self,
        encoder: Encoder,
        space: str = DEFAULT_SPACE,
        *,
        center: bool = True,
        drop: int = DEFAULT_DROP,
        progress: CountProgress | None = None,
    ) -> None:
        self.encoder = encoder
        self._source = open_source(encoder, space)
        words = whole_words(encoder)
        self.tokens = tuple(words.values())
        vectors, self._spelling = self._load(words, progress)
        preparation = Preparation.fit(vectors, center, drop)
        super().__init__(tuple(words), preparation.apply(vectors))
        self._preparations = (preparation,)

    def including(self, names: Sequence[str]) -> tuple[Space, Int64]:
        """A space with all of these words, and their numbers in it; raises for a word without any token."""
        words = [self._read_word(name) for name in names]
        others = {word: ids for word, ids in words if word not in self}
        space = self._extend(others) if others else self
        places = {word: len(self) + number for number, word in enumerate(others)}
        rows = [places[word] if word in places else self._rows[word] for word, _ in words]
        return space, np.array(rows, dtype=np.int64)

    def pieces(self, name: str) -> tuple[str, ...]:
        """The pieces that a word is read as, which has no token of its own; none for a word of the vocabulary."""
        word, ids = self._read_word(name)
        return () if word in self else self.encoder.tokenize([name], special=False)[0].tokens[: len(ids)]

    def _extend(self, others: Mapping[str, Sequence[int]]) -> Space:
        """This space and words of several pieces, given by their ids."""
        vectors = self.prepare(self._spelling.apply(self._source.vectors(list(others.values()))))
        return Space([*self.names, *others], np.concatenate([self.vectors, vectors]))

    def _read_word(self, given: str) -> tuple[str, tuple[int, ...]]:
        """A word as the tokenizer reads and writes it, which may change its case, and its ids."""
        ids = self.encoder.tokenize([given], special=False)[0].ids
        word = self.encoder.decode(ids).strip()
        if not word:
            raise QueryError(f"there is no token but special ones in {given!r}; give a word")
        return word, ids

    def _load(self, words: Mapping[str, int], progress: CountProgress | None) -> tuple[Float32, SpellingMap]:
        """Vectors of the words and the map for others, from the cache if they are not at hand."""
        if isinstance(self._source, Static):
            arrays = self._make(words, progress)
        else:
            key = [self.encoder.fingerprint, self.encoder.precision, self._source.name, VERSION]
            arrays = load_or_make(
                cache_folder() / "spaces" / f"{short_digest(key)}.safetensors", lambda: self._make(words, progress)
            )
        return arrays["vectors"], SpellingMap(arrays["start"], arrays["matrix"], arrays["goal"])

    def _make(self, words: Mapping[str, int], progress: CountProgress | None) -> dict[str, Float32]:
        # a text has one spelling, the tokenizer's, so that the whole encoder needs no map
        spelled = {} if isinstance(self._source, WholeEncoder) else spell_out(self.encoder, words)
        encoded = self._encode([*([token] for token in words.values()), *spelled.values()], progress)
        vectors, in_pieces = encoded[: len(words)], encoded[len(words) :]
        rows = {word: row for row, word in enumerate(words)}
        spelling = SpellingMap.fit(in_pieces, vectors[[rows[word] for word in spelled]])
        return {"vectors": vectors, "start": spelling.start, "matrix": spelling.matrix, "goal": spelling.goal}

    def _encode(self, words: Sequence[Sequence[int]], progress: CountProgress | None) -> Float32:
        blocks: list[Float32] = []
        for part in chunks(words, CHUNK):
            blocks.append(self._source.vectors(part))
            if progress:
                progress(min(len(blocks) * CHUNK, len(words)), len(words))
        return np.concatenate(blocks)
