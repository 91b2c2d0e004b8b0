"""The places where a collection has a word, found by its spelling, with its direction at each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from semsearch.common.arrays import Float32, unit_length
from semsearch.common.documents import Metadata, Span
from semsearch.common.errors import QueryError, SampleWarning
from semsearch.common.suggestions import suggest
from semsearch.encoder.words import PassageWords, encode_words
from semsearch.storage.prepared import Prepared
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store
from semsearch.storage.tables.passages import StoredPassage
from semsearch.words.contexts.phrases import Phrase

__all__ = [
    "AROUND",
    "Occurrence",
    "Place",
    "find_places",
    "mean_direction",
    "no_words",
    "occurrence_at",
    "sample_evenly",
    "snippet_at",
]

T = TypeVar("T")
MOST_PASSAGES = 2000
"""Passages that are looked at for one question at most."""
MOST_CHARACTERS = 100_000
"""Characters of them that are encoded at most, which takes some seconds."""
MOST_SUGGESTED = 200_000
"""Different words of a collection, among which the one that was meant is looked for."""
AROUND = 60
"""Characters of a snippet before and behind the word, at most."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A word where it stands in a collection. ``score`` is a cosine of contextual vectors without their mean.

    ``word`` is ``[start, end)`` of the document's text, as it is written there, and ``snippet`` what is around it
    in its passage, whose number within the document is ``passage``.
    """

    rank: int
    score: float
    document: str
    passage: int
    word: str
    start: int
    end: int
    snippet: str
    title: str | None
    source: str | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands in a document, in which passage, and its direction there, float32[hidden size]."""

    passage: StoredPassage
    span: Span
    vector: Float32

    @property
    def written(self) -> str:
        """The word as the document has it."""
        return self.passage.document.text[slice(*self.span)]

    @property
    def room(self) -> int:
        """Characters of the passage on the side of the word that has fewer."""
        return min(self.span[0] - self.passage.start, self.passage.end - self.span[1])


def find_places(store: Store, snapshot: Snapshot, phrase: Phrase) -> list[Place]:
    """The places of a phrase in the order of documents, in a sample of the passages if too many have it.

    Raises a :class:`QueryError` if there is none; warns with :class:`SampleWarning` of a sample.
    """
    candidates = store.rows_where(phrase.matcher())
    passages = _sample_passages(store, candidates)
    words = _encode_words(store, passages) if snapshot.words is None else _read_words(store, snapshot, passages)
    places = _distinct_places(_places_in(phrase, passages, words))
    if not places:
        raise QueryError(_not_found_message(store, phrase))
    if len(passages) < len(candidates):
        warnings.warn(
            f"{len(candidates):,} passages may have {phrase.text!r}; {len(passages):,} of them, evenly spread, were "
            f"looked at, which have it {len(places):,} times",
            SampleWarning,
            stacklevel=4,
        )
    return places


def mean_direction(vectors: Float32) -> Float32:
    """The direction of several words taken together, float32[hidden size]: the mean of theirs, at length 1."""
    mean: Float32 = unit_length(vectors.mean(axis=0, keepdims=True))[0]
    return mean


def sample_evenly(values: Sequence[T], count: int) -> list[T]:
    """``count`` of the values, evenly spread; all of them if there are not so many."""
    if len(values) <= count:
        return list(values)
    return [values[at] for at in np.linspace(0, len(values) - 1, count).astype(int)]


def _sample_passages(store: Store, candidates: Sequence[int]) -> list[StoredPassage]:
    """As many of the passages as can be looked at while the user waits, evenly spread."""
    rows = sample_evenly(candidates, MOST_PASSAGES)
    by_row = store.passages(rows)
    passages = [by_row[row] for row in rows]
    if store.definition.word_vectors:
        return passages
    characters = sum(passage.end - passage.start for passage in passages)
    share = min(MOST_CHARACTERS / max(characters, 1), 1)
    return sample_evenly(passages, max(int(share * len(passages)), 1))


def _encode_words(store: Store, passages: Sequence[StoredPassage]) -> list[PassageWords]:
    spans = [(passage.start, passage.end) for passage in passages]
    texts = [Prepared(passage.document, (span,)).texts()[0] for passage, span in zip(passages, spans, strict=True)]
    return encode_words(store.encoder, texts, spans)


def _read_words(store: Store, snapshot: Snapshot, passages: Sequence[StoredPassage]) -> Iterator[PassageWords]:
    assert snapshot.words
    for words in store.words(passages):
        rows = np.arange(words.first, words.first + len(words.spans))
        yield PassageWords(words.spans, snapshot.words.searcher.rows.take(rows))


def _places_in(phrase: Phrase, passages: Sequence[StoredPassage], words: Iterable[PassageWords]) -> Iterator[Place]:
    for passage, passage_words in zip(passages, words, strict=True):
        spans = passage_words.spans.tolist()
        for place in phrase.places(passage.document.text, spans):
            span = spans[place][0][0], spans[place][-1][1]
            yield Place(passage, span, mean_direction(passage_words.vectors[place]))


def _distinct_places(places: Iterable[Place]) -> list[Place]:
    """One place for each occurrence: where passages overlap, the one with more context on both sides."""
    best: dict[tuple[str | None, int], Place] = {}
    for place in places:
        key = place.passage.document.id, place.span[0]
        if key not in best or place.room > best[key].room:
            best[key] = place
    return list(best.values())


def no_words(store: Store) -> str:
    """The message for a collection that has no words."""
    return f"collection {store.name!r} has no words; add documents to it: semsearch index {store.name} PATH"


def _not_found_message(store: Store, phrase: Phrase) -> str:
    """The message for a phrase that is not in the collection, with words of it that are spelled alike."""
    seen: dict[str, None] = {}

    def collect(text: str) -> bool:
        if len(seen) < MOST_SUGGESTED:
            seen.update(dict.fromkeys(re.findall(r"\w+", text)))
        return False

    store.rows_where(collect)
    if not seen:
        return no_words(store)
    advice = suggest(phrase.text, seen, "see what it has: semsearch search", count=3, likeness=0.7)
    return f"there is no {phrase.text!r} in collection {store.name!r}; {advice}"


def occurrence_at(place: Place, rank: int, score: float) -> Occurrence:
    """A place as people see it."""
    document, (start, end) = place.passage.document, place.span
    return Occurrence(
        rank=rank,
        score=score,
        document=str(document.id),
        passage=place.passage.ordinal,
        word=place.written,
        start=start,
        end=end,
        snippet=snippet_at(place),
        title=document.title,
        source=document.source,
        metadata=document.metadata,
    )


def snippet_at(place: Place) -> str:
    """The passage around a word, cut between words if that is possible."""
    text, passage = place.passage.document.text, place.passage
    start, end = max(passage.start, place.span[0] - AROUND), min(passage.end, place.span[1] + AROUND)
    before, behind = text[start : place.span[0]], text[place.span[1] : end]
    if start > passage.start:
        before = "…" + (before.split(maxsplit=1)[-1] if " " in before.strip() else before)
    if end < passage.end:
        behind = (behind.rsplit(maxsplit=1)[0] if " " in behind.strip() else behind) + "…"
    return before + place.written + behind
