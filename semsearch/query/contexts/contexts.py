"""Where a collection has a word in the sense that a sentence has it in."""

from __future__ import annotations

import numpy as np

from semsearch.collection import Store, unit_length
from semsearch.encoder import Encoder
from semsearch.errors import QueryError
from semsearch.query.checks import check_k
from semsearch.query.contexts.occurrences import LAYER, Phrase, occurrence, places
from semsearch.query.contexts.words import occurrences_of, vector_of, words_of
from semsearch.types import Float32, Occurrence

__all__ = ["contexts"]


def contexts(store: Store, word: str, sentence: str | None, k: int) -> list[Occurrence]:
    """The ``k`` occurrences of a word whose contexts are most like that of the word in a sentence, best first."""
    check_k(k)
    phrase = Phrase.read(word, store.encoder)
    query = _in_sentence(phrase, word if sentence is None else sentence, store.encoder)
    found = places(store, phrase)
    scores = _scores(np.stack([place.vector for place in found]), query)
    order = np.argsort(-scores, kind="stable")[:k]
    return [occurrence(found[row], rank, float(scores[row])) for rank, row in enumerate(order, 1)]


def _scores(vectors: Float32, query: Float32) -> Float32:
    """Cosines without what a word's occurrences have in common, which is more than what tells its senses apart.

    That is their mean, drawn towards zero, lest nothing be left where there are few.
    """
    common = vectors.sum(axis=0) / (len(vectors) + 1)
    scores: Float32 = unit_length(vectors - common) @ unit_length((query - common)[None])[0]
    return scores


def _in_sentence(phrase: Phrase, sentence: str, encoder: Encoder) -> Float32:
    """The direction of a phrase in a sentence, float32[hidden size]; of all its words if it is there twice."""
    (found,) = encoder.encode_tokens([sentence], LAYER)
    there = occurrences_of(phrase.words, sentence, words_of(sentence, found.tokens))
    if not there:
        raise QueryError(f"{phrase.text!r} is not a word of the sentence {sentence!r:.80}; give a sentence that has it")
    return vector_of([word for words in there for word in words], found)
