"""The places where a collection has a word, found by its spelling, with its direction at each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from semsearch.common.documents import Float32, Occurrence, Span
from semsearch.common.errors import QueryError, SampleWarning
from semsearch.storage import (
    PassageWords,
    Snapshot,
    Store,
    StoredPassage,
    encode_words,
    read_text,
    unit_length,
)
from semsearch.words.contexts.phrases import Phrase
from semsearch.words.spaces.spelling import nearest_spellings

__all__ = ["AROUND", "Place", "direction", "no_words", "occurrence", "places", "snippet", "spread"]

T = TypeVar("T")
PASSAGES = 2000
"""Passages that are looked at for one question at most."""
CHARACTERS = 100_000
"""Characters of them that are encoded at most, which takes some seconds."""
SUGGESTED = 200_000
"""Different words of a collection, among which the one that was meant is looked for."""
AROUND = 60
"""Characters of a snippet before and behind the word, at most."""


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
        return min(self.span[0] - self.passage.start, self.passage.stop - self.span[1])


def places(store: Store, snapshot: Snapshot, phrase: Phrase) -> list[Place]:
    """The places of a phrase in the order of documents, in a sample of the passages if too many have it.

    Raises a :class:`QueryError` if there is none; warns with :class:`SampleWarning` of a sample.
    """
    candidates = store.passages_where(phrase.matcher())
    chosen = _sample(store, candidates)
    words = _encoded(store, chosen) if snapshot.words is None else _stored(store, snapshot, chosen)
    found = _distinct(_found(phrase, chosen, words))
    if not found:
        raise QueryError(_not_there(store, phrase))
    if len(chosen) < len(candidates):
        warnings.warn(
            f"{len(candidates):,} passages may have {phrase.text!r}; {len(chosen):,} of them, evenly spread, were "
            f"looked at, which have it {len(found):,} times",
            SampleWarning,
            stacklevel=4,
        )
    return found


def direction(vectors: Float32) -> Float32:
    """The direction of several words taken together, float32[hidden size]: the mean of theirs, at length 1."""
    mean: Float32 = unit_length(vectors.mean(axis=0, keepdims=True))[0]
    return mean


def _sample(store: Store, candidates: Sequence[int]) -> list[StoredPassage]:
    """As many of the passages as can be looked at while the user waits, evenly spread."""
    chosen = spread(candidates, PASSAGES)
    passages = store.passages(chosen)
    if store.settings.tokens:
        return [passages[vector] for vector in chosen]
    characters = sum(one.stop - one.start for one in passages.values())
    share = min(CHARACTERS / max(characters, 1), 1)
    return spread([passages[vector] for vector in chosen], max(int(share * len(chosen)), 1))


def spread(values: Sequence[T], count: int) -> list[T]:
    """``count`` of the values, evenly spread; all of them if there are not so many."""
    if len(values) <= count:
        return list(values)
    return [values[at] for at in np.linspace(0, len(values) - 1, count).astype(int)]


def _encoded(store: Store, passages: Sequence[StoredPassage]) -> list[PassageWords]:
    spans = [(passage.start, passage.stop) for passage in passages]
    texts = [read_text(passage.document, span) for passage, span in zip(passages, spans, strict=True)]
    return encode_words(store.encoder, texts, spans)


def _stored(store: Store, snapshot: Snapshot, passages: Sequence[StoredPassage]) -> Iterator[PassageWords]:
    assert snapshot.words
    for words in store.words(passages):
        rows = np.arange(words.first, words.first + len(words.spans))
        yield PassageWords(words.spans, snapshot.words.searcher.rows.take(rows))


def _found(phrase: Phrase, passages: Sequence[StoredPassage], words: Iterable[PassageWords]) -> Iterator[Place]:
    for passage, own in zip(passages, words, strict=True):
        spans = own.spans.tolist()
        for place in phrase.places(passage.document.text, spans):
            yield Place(passage, (spans[place][0][0], spans[place][-1][1]), direction(own.vectors[place]))


def _distinct(found: Iterable[Place]) -> list[Place]:
    """One place for each occurrence: where passages overlap, the one with more context on both sides."""
    best: dict[tuple[str | None, int], Place] = {}
    for place in found:
        key = place.passage.document.id, place.span[0]
        if key not in best or place.room > best[key].room:
            best[key] = place
    return list(best.values())


def no_words(store: Store) -> str:
    """What is to be said of an empty collection."""
    return f"collection {store.name!r} has no words; add documents to it: semsearch index {store.name} PATH"


def _not_there(store: Store, phrase: Phrase) -> str:
    """What is wrong, and which words of the collection look like the one that was asked for."""
    seen: dict[str, None] = {}

    def collect(text: str) -> bool:
        if len(seen) < SUGGESTED:
            seen.update(dict.fromkeys(re.findall(r"\w+", text)))
        return False

    store.passages_where(collect)
    if not seen:
        return no_words(store)
    close = nearest_spellings(phrase.text, seen)
    advice = f"did you mean {' or '.join(map(repr, close))}?" if close else "see what it has: semsearch search"
    return f"there is no {phrase.text!r} in collection {store.name!r}; {advice}"


def occurrence(place: Place, rank: int, score: float) -> Occurrence:
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
        snippet=snippet(place),
        title=document.title,
        source=document.source,
        metadata=document.metadata,
    )


def snippet(place: Place) -> str:
    """The passage around a word, cut between words if that is possible."""
    text, passage = place.passage.document.text, place.passage
    start, end = max(passage.start, place.span[0] - AROUND), min(passage.stop, place.span[1] + AROUND)
    before, behind = text[start : place.span[0]], text[place.span[1] : end]
    if start > passage.start:
        before = "…" + (before.split(maxsplit=1)[-1] if " " in before.strip() else before)
    if end < passage.stop:
        behind = (behind.rsplit(maxsplit=1)[0] if " " in behind.strip() else behind) + "…"
    return before + place.written + behind
