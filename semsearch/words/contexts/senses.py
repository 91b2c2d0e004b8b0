"""The senses in which a collection has a word: its occurrences in groups of like contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsearch.analysis.typical_words import typical_words
from semsearch.common.arguments import check_k
from semsearch.common.arrays import Float32, limit_cosines, unit_length
from semsearch.storage.snapshot import Extra, Snapshot
from semsearch.storage.store import Store
from semsearch.words.contexts.groups import group_vectors, vocabularies
from semsearch.words.contexts.occurrences import (
    AROUND,
    Occurrence,
    Place,
    find_places,
    occurrence_at,
    sample_evenly,
    snippet_at,
)
from semsearch.words.contexts.phrases import Phrase

__all__ = ["Sense", "senses"]

BACKGROUND = 1000
"""Passages of the collection that tell which words are frequent everywhere."""


@dataclass(frozen=True, slots=True)
class Sense:
    """A group of a word's occurrences in like contexts; ``number`` counts from 1, the largest group first.

    ``count`` is the size of the group, ``share`` its part of all occurrences. ``typical`` are words that stand around
    these occurrences more often than elsewhere. ``central`` are the occurrences nearest to the group's mean; their
    score is the cosine with it. If there are several groups, the mean of all occurrences is subtracted first.
    """

    number: int
    count: int
    share: float
    typical: tuple[str, ...]
    central: tuple[Occurrence, ...]


def senses(store: Store, word: str, k: int) -> list[Sense]:
    """The occurrences of a word in groups of like contexts, the largest first, with the ``k`` most central."""
    k = check_k(k)
    phrase = Phrase.read(word, store.encoder)
    with store.pinned(Extra.WORDS) as snapshot:
        places = find_places(store, snapshot, phrase)
        elsewhere = _read_beginnings(store, snapshot)
    vectors = np.stack([place.vector for place in places])
    labels = group_vectors(vectors)
    common = vectors.mean(axis=0) if labels.any() else np.zeros_like(vectors[0])
    groups = [[places[row] for row in np.flatnonzero(labels == label)] for label in range(labels.max() + 1)]
    around = [vocabularies(store.encoder, [snippet_at(place) for place in group]) for group in groups]
    typical = typical_words(around, vocabularies(store.encoder, elsewhere), phrase.words)
    return [
        Sense(number, len(group), len(group) / len(places), words, _rank_central(group, common, k))
        for number, (group, words) in enumerate(zip(groups, typical, strict=True), 1)
    ]


def _read_beginnings(store: Store, snapshot: Snapshot) -> list[str]:
    """Texts as long as snippets, from passages all over the collection."""
    passages = store.passages(sample_evenly(snapshot.live_rows().tolist(), BACKGROUND)).values()
    return [passage.text[: 2 * AROUND] for passage in passages]


def _rank_central(group: Sequence[Place], common: Float32, k: int) -> tuple[Occurrence, ...]:
    """The occurrences of a group that are nearest to its mean, without what they have in common with others."""
    vectors = unit_length(np.stack([place.vector for place in group]) - common)
    scores = limit_cosines(vectors @ unit_length(vectors.mean(axis=0, keepdims=True))[0])
    order = np.argsort(-scores, kind="stable")[:k]
    return tuple(occurrence_at(group[row], rank, float(scores[row])) for rank, row in enumerate(order, 1))
