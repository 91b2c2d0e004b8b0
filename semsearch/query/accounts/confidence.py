"""What a score says: where it stands among those of random pairs, and of what nonsense finds.

When passages are added, the collection measures its background: the scores of random pairs of passages, and the best
score of each of 128 questions that are random words of the model's vocabulary. A hit's ``percentile`` is how many
percent of the pairs are less near than it is to the question. Its ``confidence`` is the share of such questions whose
best answer is less near. An answer without a hit of ``LEAST_CONFIDENCE`` has nothing relevant: one nonsense question
in ten finds as much. Only the dense score counts, but in a hybrid search a hit that has every word of the question is
never below: it may be a name or a code that the model cannot know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Int64
from semsearch.common.errors import QueryError
from semsearch.query.hits import LEAST_CONFIDENCE, Candidates, Ratings
from semsearch.query.retrieval.dense import DENSE
from semsearch.query.retrieval.lexical import LEXICAL, words_of_question

if TYPE_CHECKING:
    from semsearch.query.search import Context

__all__ = ["find_confident", "rate_candidates"]


def rate_candidates(context: Context, candidates: Candidates) -> Ratings:
    """How the scores of candidates stand in the collection, as far as that is known.

    There are no confidences if the question is no text by itself, and neither of the two where there is no dense score,
    or no background yet.
    """
    background = context.snapshot.passages.indexing.background
    dense = candidates.parts.get(DENSE)
    if background is None or dense is None:
        return Ratings()
    percentiles = background.percentiles(dense)
    if not context.request.has_confidence or candidates.best_dense is None:
        return Ratings(percentiles)
    confidences = background.confidences(dense)
    doubtful = np.flatnonzero(confidences < LEAST_CONFIDENCE)
    if LEXICAL in candidates.parts and len(doubtful):
        has_all = _have_all_words(context, candidates.rows[doubtful])
        confidences[doubtful[has_all]] = LEAST_CONFIDENCE
    (best,) = background.confidences(np.array([candidates.best_dense], np.float32))
    return Ratings(percentiles, confidences, float(confidences.max(initial=best)))


def _have_all_words(context: Context, rows: Int64) -> npt.NDArray[np.bool_]:
    """Which rows have every word of the question that is no stop word; none if it has no other words."""
    terms = words_of_question(context.store, str(context.request.text), any_word=False)
    shares = list(context.snapshot.lexical.shares(terms, rows).values())
    return np.all(np.array(shares) > 0, axis=0) if shares else np.zeros(len(rows), np.bool_)


def find_confident(context: Context, ratings: Ratings, count: int) -> Int64:
    """The places of those of ``count`` candidates that reach the least confidence of the request, if it has one."""
    least = context.request.min_confidence
    if least is None or not count:
        return np.arange(count)
    if ratings.confidences is None:
        raise QueryError(
            f"collection {context.store.name!r} does not know yet what nonsense scores; add a second passage, or index "
            "something again, to have it measured, or leave the least confidence out"
        )
    return np.flatnonzero(ratings.confidences >= least)
