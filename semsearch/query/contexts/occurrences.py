"""The places where a collection has a word, found by its spelling, with what the encoder makes of each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from semsearch.collection import Store, StoredPassage, read_text
from semsearch.encoder import Encoder
from semsearch.errors import QueryError, SampleWarning
from semsearch.query.contexts.words import Word, folded, occurrences_of, vector_of, words_of
from semsearch.query.tokens.spelling import nearest_spellings
from semsearch.types import Float32, Occurrence, Span

__all__ = ["AROUND", "LAYER", "Phrase", "Place", "occurrence", "places", "snippet", "spread"]

T = TypeVar("T")
LAYER = -1
"""The hidden layer that ranks a word's occurrences best by sense; docs/architecture.md has the measurements."""
PASSAGES = 2000
CHARACTERS = 100_000
"""Passages, and characters of them, that are encoded for one question at most, which takes some seconds."""
BATCH = 128
"""Passages whose token vectors are in memory at a time."""
SUGGESTED = 200_000
"""Different words of a collection, among which the one that was meant is looked for."""
AROUND = 60
"""Characters of a snippet before and behind the word, at most."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word, or several, to be found whatever their case: ``words`` are folded."""

    text: str
    words: tuple[str, ...]

    @classmethod
    def read(cls, text: str, encoder: Encoder) -> Phrase:
        """The phrase in the tokenizer's words; raises for one that has no token but special ones."""
        (tokens,) = encoder.tokenize([text], special=False)
        if not encoder.decode(tokens.ids).strip():
            raise QueryError(f"there is no token but special ones in {text!r}; give a word")
        return cls(text, tuple(folded(text[slice(*word.span)]) for word in words_of(text, tokens)))

    def matcher(self) -> Callable[[str], object]:
        """A quick test that no text with the phrase fails; few without it pass.

        No tokenizer begins a word between two letters of ASCII.
        """
        first, last = self.words[0][0], self.words[-1][-1]
        before = "(?<![a-z])" if first.isascii() and first.isalpha() else ""
        behind = "(?![a-z])" if last.isascii() and last.isalpha() else ""
        pattern = re.compile(before + r"[\W_]*".join(map(re.escape, self.words)) + behind)
        return lambda text: pattern.search(folded(text))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands in a document, in which passage, and its direction there, float32[hidden size]."""

    passage: StoredPassage
    span: Span
    vector: Float32

    @property
    def room(self) -> int:
        """Characters of the passage on the side of the word that has fewer."""
        return min(self.span[0] - self.passage.start, self.passage.stop - self.span[1])


def places(store: Store, phrase: Phrase) -> list[Place]:
    """The places of a phrase in the order of documents, in a sample of the passages if too many have it.

    Raises a :class:`QueryError` if there is none; warns with :class:`SampleWarning` of a sample.
    """
    with store.pinned():
        candidates = store.passages_where(phrase.matcher())
        chosen = _sample(store, candidates)
        found = _distinct(_encoded(chosen, phrase, store.encoder))
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


def _sample(store: Store, candidates: Sequence[int]) -> list[StoredPassage]:
    """As many of the passages as can be encoded while the user waits, evenly spread."""
    chosen = spread(candidates, PASSAGES)
    passages = store.passages(chosen)
    characters = sum(one.stop - one.start for one in passages.values())
    share = min(CHARACTERS / max(characters, 1), 1)
    return spread([passages[vector] for vector in chosen], max(int(share * len(chosen)), 1))


def spread(values: Sequence[T], count: int) -> list[T]:
    """``count`` of the values, evenly spread; all of them if there are not so many."""
    if len(values) <= count:
        return list(values)
    return [values[at] for at in np.linspace(0, len(values) - 1, count).astype(int)]


def _encoded(passages: Sequence[StoredPassage], phrase: Phrase, encoder: Encoder) -> Iterator[Place]:
    for first in range(0, len(passages), BATCH):
        part = passages[first : first + BATCH]
        texts = [read_text(passage.document, (passage.start, passage.stop)) for passage in part]
        for passage, text, found in zip(part, texts, encoder.encode_tokens(texts, LAYER), strict=True):
            title = len(text) - (passage.stop - passage.start)  # it stands before the passage
            for words in occurrences_of(phrase.words, text, words_of(text, found.tokens)):
                if words[0].span[0] >= title:
                    yield Place(passage, _moved(words, passage.start - title), vector_of(words, found))


def _moved(words: Sequence[Word], by: int) -> Span:
    return words[0].span[0] + by, words[-1].span[1] + by


def _distinct(found: Iterator[Place]) -> list[Place]:
    """One place for each occurrence: where passages overlap, the one with more context on both sides."""
    best: dict[tuple[str | None, int], Place] = {}
    for place in found:
        key = place.passage.document.id, place.span[0]
        if key not in best or place.room > best[key].room:
            best[key] = place
    return list(best.values())


def _not_there(store: Store, phrase: Phrase) -> str:
    """What is wrong, and which words of the collection look like the one that was asked for."""
    seen: dict[str, None] = {}

    def collect(text: str) -> bool:
        if len(seen) < SUGGESTED:
            seen.update(dict.fromkeys(re.findall(r"\w+", text)))
        return False

    store.passages_where(collect)
    if not seen:
        return f"collection {store.name!r} has no words; add documents to it: semsearch index {store.name} PATH"
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
        word=document.text[start:end],
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
    return before + text[slice(*place.span)] + behind
