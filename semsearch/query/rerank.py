"""Re-ranking: the first candidates are read more closely than a search of all passages can, and put into another order.

There are two ways:

- ``tokens``: late interaction (Khattab and Zaharia 2020, arXiv:2004.12832). Each token of the question looks for its
  nearest token in the passage; the score is the mean of these cosines (MaxSim). It is put on the scale of the score
  that it had before, and counts beside it. The vectors are the words' that the collection keeps, or are made now, of
  the encoder's first layer, which takes a small part of the time and ranks as well (docs/decisions/019).
- a cross-encoder: a model that reads question and passage at once. Its score takes the place of the one before.

Candidates behind the first ``POOL``, and those for which no time was left, come after those that were read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Role
from semsearch.encoder.cross_encoder import CrossEncoder
from semsearch.query.hits import Candidates
from semsearch.query.request import TOKENS, SearchRequest
from semsearch.storage.prepared import Prepared
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store
from semsearch.storage.tables.passages import StoredPassage

__all__ = ["max_similarity", "rerank_candidates"]

POOL = 100
"""Candidates that are read, the best first."""
READ_LAYER = 1
"""Of the encoder, for passages that must be encoded."""
TOKEN_WEIGHT, WORD_WEIGHT = 0.3, 0.4
"""Of MaxSim of that layer, and of the last layer's words, beside the score before; frozen over all judged sets."""
PAIRS = "cross-encoder"
FUSED = "fused"
"""The name of the score before re-ranking, where that is none of the parts."""
LARGEST_BLOCK = 32
"""Passages that are read between two looks at the clock, if there is a limit."""


def rerank_candidates(
    store: Store,
    snapshot: Snapshot,
    request: SearchRequest,
    texts: Sequence[str],
    retrieve: Callable[[int], list[Candidates]],
) -> Reranking:
    """What ``retrieve`` finds for each of the texts, in the order that the request asks for."""
    scorer: Scorer
    if request.rerank == TOKENS:
        scorer = _WordScorer(store, snapshot) if snapshot.words else _TokenScorer(store)
    else:
        given = request.rerank
        scorer = _PairScorer(given if isinstance(given, CrossEncoder) else _load_cross_encoder(str(given)))
    limit_s = np.inf if request.rerank_ms is None else request.rerank_ms / 1000
    return Reranking(store, texts, retrieve, scorer, limit_s)


class Scorer(Protocol):
    """Reads passages."""

    name: str
    weight: float
    """Of its scores beside those before."""

    def score(self, text: str, passages: Sequence[StoredPassage]) -> Float32:
        """How well each passage answers the question, float32[passages]."""


@dataclass
class Reranking:
    """A way to retrieve candidates, of which the first are in the order of a scorer."""

    store: Store
    texts: Sequence[str]
    retrieve: Callable[[int], list[Candidates]]
    scorer: Scorer
    limit_s: float
    """Seconds in which the passages of a question are read."""
    known: dict[tuple[int, int], float] = field(default_factory=dict)
    """Scores of rows by the number of the question: more candidates may be wanted later, and none is read twice."""
    spent: dict[int, float] = field(default_factory=dict)
    """Seconds of each question."""

    def __call__(self, wanted: int) -> list[Candidates]:
        """So many of the best candidates of each question."""
        found = self.retrieve(max(wanted, POOL))
        return [self._reorder(number, candidates) for number, candidates in enumerate(found)]

    def _reorder(self, number: int, candidates: Candidates) -> Candidates:
        rows = candidates.rows[:POOL].tolist()
        self._read(number, [row for row in rows if (number, row) not in self.known])
        scores = np.full(len(candidates), np.nan, np.float32)
        scores[: len(rows)] = [self.known.get((number, row), np.nan) for row in rows]
        return _combine(candidates, self.scorer, scores)

    def _read(self, number: int, rows: list[int]) -> None:
        """Score what there is time for. The first block is small, so that a small limit can be kept."""
        size, begun = len(rows) if self.limit_s == np.inf else 1, 0
        expected = 0.0
        while begun < len(rows) and self.spent.get(number, 0.0) + expected <= self.limit_s:
            start, block = time.perf_counter(), rows[begun : begun + size]
            passages = self.store.passages(block)
            scores = self.scorer.score(self.texts[number], [passages[row] for row in block])
            self.known |= {(number, row): score for row, score in zip(block, scores.tolist(), strict=True)}
            taken = time.perf_counter() - start
            self.spent[number] = self.spent.get(number, 0.0) + taken
            begun += len(block)
            size = min(2 * size, LARGEST_BLOCK)
            expected = taken * size / len(block)


def _combine(candidates: Candidates, scorer: Scorer, scores: Float32) -> Candidates:
    """The candidates in their new order; ``scores`` are NaN for those that were not read."""
    is_read = ~np.isnan(scores)
    if not is_read.any():
        return candidates
    before = candidates.scores.astype(np.float64)
    after = scores.astype(np.float64)
    if scorer.weight < 1:
        high, best = float(before[0]), float(np.nanmax(scores))
        low = high - abs(high)
        scaled = low + (high - low) * after / best if best > 0 else before
        after = (1 - scorer.weight) * before + scorer.weight * scaled
    parts = dict(candidates.parts) | {scorer.name: scores}
    ranks = {scorer.name: _ranks(scores)}
    if len(candidates.parts) > 1:
        parts[FUSED] = candidates.scores
        ranks[FUSED] = np.arange(1, len(candidates) + 1)
    combined = np.where(is_read, after, before).astype(np.float32)
    places = np.flatnonzero(is_read)
    order = places[np.argsort(-combined[places], kind="stable")]
    reranked = replace(candidates, scores=combined, parts=parts, ranks=ranks)
    return reranked.take(np.concatenate([order, np.flatnonzero(~is_read)]))


def _ranks(scores: Float32) -> Int64:
    """The rank of each score, 0 for those that are NaN, which sort behind all others."""
    ranks = np.empty(len(scores), np.int64)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return np.where(np.isnan(scores), 0, ranks)


def max_similarity(query: Float32, texts: Sequence[Float32]) -> Float32:
    """The mean over the query's vectors of the largest cosine with one of a text's, float32[texts].

    All are of length 1: the query's are float32[m, h], each text's float32[n, h]. It is 0 for a text without any.
    """
    scores = np.zeros(len(texts), np.float32)
    filled = [number for number, vectors in enumerate(texts) if len(vectors)]
    if filled and len(query):
        starts = np.cumsum([0, *(len(texts[number]) for number in filled[:-1])])
        cosines = np.concatenate([texts[number] for number in filled]) @ query.T
        scores[filled] = np.maximum.reduceat(cosines, starts, axis=0).mean(axis=1)
    return scores


@dataclass
class _TokenScorer:
    """Encodes passages, together with the question the first time."""

    store: Store
    name: str = TOKENS
    weight: float = TOKEN_WEIGHT
    queries: dict[str, Float32] = field(default_factory=dict)

    def score(self, text: str, passages: Sequence[StoredPassage]) -> Float32:
        encoder = self.store.encoder
        prompt = encoder.prompt(Role.DOCUMENT)
        texts = [prompt + _read_text(passage) for passage in passages]
        if text not in self.queries:
            texts.append(encoder.prompt(Role.QUERY) + text)
        encoded = encoder.encode_content(texts, READ_LAYER)
        vectors = np.split(unit_length(np.concatenate(encoded)), np.cumsum([len(one) for one in encoded])[:-1])
        if text not in self.queries:
            self.queries[text] = vectors.pop()
        return max_similarity(self.queries[text], vectors)


@dataclass
class _WordScorer:
    """Reads the vectors of words that the collection keeps."""

    store: Store
    snapshot: Snapshot
    name: str = TOKENS
    weight: float = WORD_WEIGHT
    queries: dict[str, Float32] = field(default_factory=dict)

    def score(self, text: str, passages: Sequence[StoredPassage]) -> Float32:
        assert self.snapshot.words
        if text not in self.queries:
            encoder = self.store.encoder
            ((encoded,), _) = encoder.encode_tokens_counted([encoder.prompt(Role.QUERY) + text])
            self.queries[text] = unit_length(encoded.vectors[~np.array(encoded.tokens.special, np.bool_)])
        places = [np.arange(words.rows.start, words.rows.stop) for words in self.store.words(passages)]
        vectors = self.snapshot.words.searcher.rows.take(np.concatenate([*places, np.empty(0, np.int64)]))
        return max_similarity(self.queries[text], np.split(vectors, np.cumsum([len(place) for place in places])[:-1]))


@dataclass
class _PairScorer:
    """Asks a cross-encoder."""

    model: CrossEncoder
    name: str = PAIRS
    weight: float = 1.0

    def score(self, text: str, passages: Sequence[StoredPassage]) -> Float32:
        return self.model.score(text, [_read_text(passage) for passage in passages])


def _read_text(passage: StoredPassage) -> str:
    """What a model reads of a passage: its title, and itself."""
    (text,) = Prepared(passage.document, ((passage.start, passage.end),)).texts()
    return text


@lru_cache(2)
def _load_cross_encoder(name: str) -> CrossEncoder:
    return CrossEncoder.load(name)
