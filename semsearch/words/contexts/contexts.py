"""Where a collection has a word, or any word, in the sense that a sentence has one in."""

from __future__ import annotations

import numpy as np

from semsearch.common.documents import Float32, Int64, Occurrence
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder
from semsearch.query.checks import check_k
from semsearch.storage import LAYER, Snapshot, Store, unit_length, word_vectors, words_of
from semsearch.words.contexts.occurrences import Place, direction, no_words, occurrence, places
from semsearch.words.contexts.phrases import Phrase

__all__ = ["contexts"]

Ranked = list[tuple[float, Place]]


def contexts(store: Store, word: str, sentence: str | None, k: int, same_word: bool) -> list[Occurrence]:
    """The ``k`` occurrences whose contexts are most like that of a word in a sentence, best first.

    They are of the same word, or, in a collection that keeps word vectors, of any word unless asked otherwise.
    """
    check_k(k)
    phrase = Phrase.read(word, store.encoder)
    query = _in_sentence(phrase, word if sentence is None else sentence, store.encoder)
    with store.pinned(with_words=True) as snapshot:
        if snapshot.words is None or same_word:
            ranked = _of_the_word(places(store, snapshot, phrase), query)
        else:
            ranked = _of_any_word(store, snapshot, query, k)
            if not ranked:
                raise QueryError(no_words(store))
    return [occurrence(place, rank, score) for rank, (score, place) in enumerate(ranked[:k], 1)]


def _of_the_word(found: list[Place], query: Float32) -> Ranked:
    """Cosines without what a word's occurrences have in common, which is more than what tells its senses apart.

    That is their mean, drawn towards zero, lest nothing be left where there are few.
    """
    vectors = np.stack([place.vector for place in found])
    common = vectors.sum(axis=0) / (len(vectors) + 1)
    scores = unit_length(vectors - common) @ unit_length((query - common)[None])[0]
    return [(float(scores[row]), found[row]) for row in np.argsort(-scores, kind="stable")]


def _of_any_word(store: Store, snapshot: Snapshot, query: Float32, k: int) -> Ranked:
    """The nearest of all words but punctuation, ``k`` at least, each in the passage where it is nearest."""
    assert snapshot.words
    wanted = 2 * k
    while True:
        scores, rows = snapshot.words.searcher.search(query[None], wanted, snapshot.live_words, threads=store.threads)
        found: dict[tuple[str | None, int], tuple[float, Place]] = {}
        for score, place in zip(scores[0].tolist(), _places(store, snapshot, rows[0]), strict=True):
            if any(map(str.isalnum, place.written)):
                found.setdefault((place.passage.document.id, place.span[0]), (score, place))
        if len(found) >= k or rows.shape[1] < wanted:
            return list(found.values())
        wanted *= 4


def _places(store: Store, snapshot: Snapshot, rows: Int64) -> list[Place]:
    """Where the words of these rows stand."""
    assert snapshot.words
    vectors = snapshot.words.searcher.rows.take(rows)
    return [Place(*place, vector) for place, vector in zip(store.places(rows.tolist()), vectors, strict=True)]


def _in_sentence(phrase: Phrase, sentence: str, encoder: Encoder) -> Float32:
    """The direction of a phrase in a sentence, float32[hidden size]; of all its words if it is there twice."""
    (found,) = encoder.encode_tokens([sentence], LAYER)
    words = words_of(sentence, found.tokens)
    there = phrase.places(sentence, [word.span for word in words])
    if not there:
        raise QueryError(f"{phrase.text!r} is not a word of the sentence {sentence!r:.80}; give a sentence that has it")
    return direction(word_vectors([word for place in there for word in words[place]], found))
