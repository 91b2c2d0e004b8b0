"""The senses in which a collection has a word: its occurrences in groups of like contexts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semsearch.common.documents import Float32, Occurrence, Sense
from semsearch.query.checks import check_k
from semsearch.storage import Snapshot, Store, unit_length
from semsearch.words.contexts.clusters import groups
from semsearch.words.contexts.occurrences import AROUND, Place, occurrence, places, snippet, spread
from semsearch.words.contexts.phrases import Phrase
from semsearch.words.contexts.typical import typical, vocabularies

__all__ = ["senses"]

BACKGROUND = 1000
"""Passages of the collection that tell which words are frequent everywhere."""


def senses(store: Store, word: str, k: int) -> list[Sense]:
    """The occurrences of a word in groups of like contexts, the largest first, with the ``k`` most central."""
    check_k(k)
    phrase = Phrase.read(word, store.encoder)
    with store.pinned(with_words=True) as snapshot:
        found = places(store, snapshot, phrase)
        elsewhere = _beginnings(store, snapshot)
    vectors = np.stack([place.vector for place in found])
    labels = groups(vectors)
    common = vectors.mean(axis=0) if labels.any() else np.zeros_like(vectors[0])
    members = [[found[row] for row in np.flatnonzero(labels == number)] for number in range(labels.max() + 1)]
    around = [vocabularies(store.encoder, [snippet(place) for place in group]) for group in members]
    words = typical(around, vocabularies(store.encoder, elsewhere), phrase.words)
    return [
        Sense(number, len(group), len(group) / len(found), shown, _central(group, common, k))
        for number, (group, shown) in enumerate(zip(members, words, strict=True), 1)
    ]


def _beginnings(store: Store, snapshot: Snapshot) -> list[str]:
    """Texts as long as snippets, from passages all over the collection."""
    live = np.setdiff1d(np.arange(snapshot.rows), snapshot.dead, assume_unique=True)
    passages = store.passages(spread(live.tolist(), BACKGROUND)).values()
    return [one.document.text[one.start : min(one.stop, one.start + 2 * AROUND)] for one in passages]


def _central(group: Sequence[Place], common: Float32, k: int) -> tuple[Occurrence, ...]:
    """The occurrences of a group that are nearest to its mean, without what they have in common with others."""
    vectors = unit_length(np.stack([place.vector for place in group]) - common)
    scores = vectors @ unit_length(vectors.mean(axis=0, keepdims=True))[0]
    order = np.argsort(-scores, kind="stable")[:k]
    return tuple(occurrence(group[row], rank, float(scores[row])) for rank, row in enumerate(order, 1))
