"""Analogies over the passages of a collection: what is to C as B is to A, all of them texts.

3CosAdd and 3CosAvg are the cosine with one vector, which the index is asked for. The other formulas need the cosines
of the question's texts with every passage: an exact scan, block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from semsearch.common.arguments import check_k, check_strings
from semsearch.common.arrays import Float32, Int64, best, limit_cosines, unit_length
from semsearch.common.documents import Formula, Metric
from semsearch.common.errors import QueryError
from semsearch.common.threads import run
from semsearch.query.hits import Candidates, Hit, read_hits
from semsearch.query.retrieval.dense import encode_queries
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store
from semsearch.words.spaces.formulas import FORMULAS, SUMS, check_direction, check_formula, sum_weights
from semsearch.words.spaces.space import ranks_apart

__all__ = ["PassageAnswer", "analogy"]

BLOCK = 8192
"""Rows that a thread decodes at a time: 12 MB of 384 dimensions."""

Ranked = tuple[Float32, Int64]
"""Scores and rows of passages, best first: float32[1, n] and int64[1, n]."""


@dataclass(frozen=True, slots=True)
class PassageAnswer:
    """A passage that answers an analogy; ``rank`` is among all but those that are a text of the question.

    It is ``None`` for one of these; the rank of ``hit`` counts them, too.
    """

    rank: int | None
    hit: Hit


@dataclass(frozen=True, slots=True)
class Question:
    """Vectors of the texts at length 1, the positive ones first: float32[positives + negatives, dimension]."""

    units: Float32
    positives: int
    formula: Formula

    def target(self) -> Float32:
        """The vector, float32[1, dimension], with which the answers' cosines are the scores of one of ``SUMS``."""
        negatives = len(self.units) - self.positives
        return unit_length(sum_weights(self.formula, self.positives, negatives)[None] @ self.units)

    def scores(self, vectors: Float32) -> Float32:
        """Scores of some passages' vectors, float32[n, dimension] of any length: float32[1, n]."""
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        products = self.units @ vectors.T
        cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
        positive, negative = np.split(np.arange(len(self.units))[None], [self.positives], axis=1)
        return FORMULAS[self.formula](cosines, self.units @ self.units.T, positive, negative)


def analogy(
    store: Store, positive: Sequence[str], negative: Sequence[str], k: int, formula: Formula | str
) -> list[PassageAnswer]:
    """The ``k`` best answers, and the texts of the question that rank before the last of them."""
    k = check_k(k)
    positive, negative = (check_strings(texts, "texts", QueryError) for texts in (positive, negative))
    chosen = check_formula(formula, len(positive), len(negative))
    vectors = np.concatenate([encode_queries(store, texts) for texts in (positive, negative)])
    question = Question(unit_length(vectors), len(positive), chosen)
    check_direction(chosen, question.units, question.positives)
    asked = {text.strip() for text in (*positive, *negative)}
    with store.checking_encoder(), store.pinned() as snapshot:
        wanted = k + len(asked)
        while True:
            scores, rows = _find_nearest(store, snapshot, question, wanted)
            hits = read_hits(store, Candidates(rows[0], scores[0], {chosen.value: scores[0]}, snapshot.count()))
            ranks = ranks_apart([hit.text.strip() in asked for hit in hits], k)
            if ranks[-1:] == [k] or len(hits) < wanted:
                break
            wanted *= 4  # some text of the question is there many times
    return [PassageAnswer(rank, hit) for rank, hit in zip(ranks, hits, strict=False)]


def _find_nearest(store: Store, snapshot: Snapshot, question: Question, k: int) -> Ranked:
    if question.formula in SUMS and store.definition.settings.metric is Metric.COSINE:
        return snapshot.search(question.target(), k)
    threads = snapshot.searcher.threads
    starts = range(0, snapshot.rows, BLOCK)
    shares = [starts[number::threads] for number in range(min(threads, len(starts)))]
    ranked = run([partial(_scan, snapshot, question, k, share) for share in shares], threads)
    scores, rows = _merge(ranked, k)
    live = np.count_nonzero(np.isfinite(scores))
    if question.formula is not Formula.COS_MUL:
        scores = limit_cosines(scores)
    return scores[:, :live], rows[:, :live]


def _scan(snapshot: Snapshot, question: Question, k: int, starts: Sequence[int]) -> Ranked:
    """The best rows of some blocks; deleted ones score -inf."""
    kept = _merge([], k)
    for start in starts:
        end = min(start + BLOCK, snapshot.rows)
        scores = question.scores(snapshot.searcher.rows.block(start, end))
        first, last = np.searchsorted(snapshot.dead, (start, end))
        scores[0, snapshot.dead[first:last] - start] = -np.inf
        kept = _merge([kept, (scores, np.arange(start, end)[None])], k)
    return kept


def _merge(ranked: Sequence[Ranked], k: int) -> Ranked:
    nothing = np.empty((1, 0), np.float32), np.empty((1, 0), np.int64)
    scores, rows = (np.concatenate(parts, axis=1) for parts in zip(nothing, *ranked, strict=True))
    return best(scores, rows, k)
