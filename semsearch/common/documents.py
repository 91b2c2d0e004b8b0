"""The nouns that all layers share: plain, frozen values without behaviour of their own."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Answer",
    "Document",
    "Float32",
    "Hit",
    "Int64",
    "Metadata",
    "Metric",
    "Neighbour",
    "Occurrence",
    "PassageAnswer",
    "Pooling",
    "Role",
    "Sense",
    "Span",
    "SyncReport",
    "TextTokens",
    "TokenVectors",
    "Unit",
]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Metadata = Mapping[str, Any]
Span = tuple[int, int]
"""Half-open range ``[start, end)`` of character positions (Python string indices)."""


class Unit(enum.StrEnum):
    """What one passage is: the piece of a document that gets one embedding."""

    WINDOW = "window"
    SENTENCE = "sentence"
    LINE = "line"
    PARAGRAPH = "paragraph"
    DOCUMENT = "document"


class Metric(enum.StrEnum):
    """How near two vectors are. The score is the cosine, the inner product, or the distance with a minus in front."""

    COSINE = "cosine"
    DOT = "dot"
    L2 = "l2"


class Pooling(enum.StrEnum):
    """How token vectors become one vector; the names are sentence-transformers' own."""

    MEAN = "mean"
    CLS = "cls"
    MAX = "max"
    MEAN_SQRT_LENGTH = "mean_sqrt_len_tokens"
    LAST = "lasttoken"


class Role(enum.StrEnum):
    """Which prompt a text gets, for models that prefix queries and documents differently."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Document:
    """What a user adds. ``id`` is unique in a collection; left out, it is derived from the text."""

    text: str
    id: str | None = None
    title: str | None = None
    source: str | None = None
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. ``score`` is higher for closer, whatever the metric.

    ``start`` and ``end`` are character positions of the passage in its document's text;
    ``passage`` is its number within the document, from 0; ``parts`` holds what made the score.
    """

    rank: int
    score: float
    document: str
    passage: int
    text: str
    start: int
    end: int
    title: str | None
    source: str | None
    metadata: Metadata
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A name of a space, such as a token, and how well it answers a question; ``rank`` counts from 1."""

    rank: int
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an analogy; ``rank`` is among all but the question's words, and ``None`` for one of these.

    ``rank_of_all`` counts the question's words, too, which often are the nearest.
    """

    rank: int | None
    rank_of_all: int
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class PassageAnswer:
    """A passage that answers an analogy; ``rank`` is among all but those that are a text of the question.

    It is ``None`` for one of these; the rank of ``hit`` counts them, too.
    """

    rank: int | None
    hit: Hit


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
class Sense:
    """A group of a word's occurrences in like contexts; ``number`` counts from 1, the largest group first.

    ``count`` is the size of the group and ``share`` its part of all occurrences; ``typical`` are words that stand
    around these more often than elsewhere, and ``central`` the occurrences nearest to the group's mean, whose score
    is the cosine with it; if there are several groups, what all occurrences have in common is left out of it.
    """

    number: int
    count: int
    share: float
    typical: tuple[str, ...]
    central: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True)
class TextTokens:
    """One text as the model's tokenizer sees it; all five run in parallel, special tokens included.

    ``offsets`` are spans in the text that was given ((0, 0) for special tokens); ``starts`` tells which tokens
    begin a word, and which are further pieces of one.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    offsets: tuple[Span, ...]
    special: tuple[bool, ...]
    starts: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Contextual embeddings of one text: ``vectors`` is float32[tokens, hidden size]."""

    tokens: TextTokens
    vectors: Float32


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a write did, or with a dry run would do; all numbers count documents but the last three."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    empty: int = 0
    skipped: int = 0
    passages: int = 0
    truncated: int = 0
    tokens_cut: int = 0
