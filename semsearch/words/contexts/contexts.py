"""The places in a collection where a word, or any word, has the same sense as a word of a given sentence."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np

from semsearch.common.arguments import check_k, check_string
from semsearch.common.arrays import Float32, Int64, limit_cosines, unit_length
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder
from semsearch.encoder.words import LAYER, word_vectors, words_of
from semsearch.storage.snapshot import Extra, Snapshot
from semsearch.storage.store import Store
from semsearch.words.contexts.occurrences import (
    Occurrence,
    Place,
    find_places,
    mean_direction,
    no_words,
    occurrence_at,
)
from semsearch.words.contexts.phrases import Phrase

__all__ = ["contexts"]

RankedPlaces = list[tuple[float, Place]]
"""Places with their scores, best first."""


def contexts(store: Store, word: str, sentence: str | None, k: int, same_word: bool) -> list[Occurrence]:
    """The ``k`` occurrences whose contexts are most like that of a word in a sentence, best first.

    They are of the same word, or, in a collection that keeps word vectors, of any word unless asked otherwise.
    """
    k = check_k(k)
    phrase = Phrase.read(word, store.encoder)
    query = _direction_in(phrase, word if sentence is None else check_string(sentence, "sentence"), store.encoder)
    compares = store.definition.word_vectors  # with vectors of another day
    with store.checking_encoder() if compares else nullcontext(), store.pinned(Extra.WORDS) as snapshot:
        if snapshot.words is None or same_word:
            ranked = _rank_places(find_places(store, snapshot, phrase), query)
        else:
            ranked = _find_nearest_words(store, snapshot, query, k)
            if not ranked:
                raise QueryError(no_words(store))
    return [occurrence_at(place, rank, score) for rank, (score, place) in enumerate(ranked[:k], 1)]


def _rank_places(places: list[Place], query: Float32) -> RankedPlaces:
    """Rank places by cosine with the query, after subtracting what all places have in common.

    The common part is their mean, and is larger than what tells senses apart. The sum is divided by n + 1, not n:
    of few occurrences the plain mean would leave nothing.
    """
    vectors = np.stack([place.vector for place in places])
    common = vectors.sum(axis=0) / (len(vectors) + 1)
    scores = limit_cosines(unit_length(vectors - common) @ unit_length((query - common)[None])[0])
    return [(float(scores[row]), places[row]) for row in np.argsort(-scores, kind="stable")]


def _find_nearest_words(store: Store, snapshot: Snapshot, query: Float32, k: int) -> RankedPlaces:
    """The nearest of all words but punctuation, ``k`` at least, each in the passage where it is nearest."""
    assert snapshot.words
    wanted = 2 * k
    while True:
        scores, rows = snapshot.words.searcher.search(query[None], wanted, snapshot.live_words)
        ranked: dict[tuple[str | None, int], tuple[float, Place]] = {}
        for score, place in zip(scores[0].tolist(), _places_of_rows(store, snapshot, rows[0]), strict=True):
            if any(map(str.isalnum, place.written)):
                ranked.setdefault((place.passage.document.id, place.span[0]), (score, place))
        if len(ranked) >= k or rows.shape[1] < wanted:
            return list(ranked.values())
        wanted *= 4


def _places_of_rows(store: Store, snapshot: Snapshot, rows: Int64) -> list[Place]:
    """Where the words of these rows stand."""
    assert snapshot.words
    vectors = snapshot.words.searcher.rows.take(rows)
    places = store.word_places(rows.tolist())
    return [Place(passage, span, vector) for (passage, span), vector in zip(places, vectors, strict=True)]


def _direction_in(phrase: Phrase, sentence: str, encoder: Encoder) -> Float32:
    """The direction of a phrase in a sentence, float32[hidden size]; of all its words if it is there twice."""
    (encoded,) = encoder.encode_tokens([sentence], LAYER)
    words = words_of(sentence, encoded.tokens)
    places = phrase.places(sentence, [word.span for word in words])
    if not places:
        raise QueryError(f"{phrase.text!r} is not a word of the sentence {sentence!r:.80}; give a sentence that has it")
    return mean_direction(word_vectors([word for place in places for word in words[place]], encoded))
