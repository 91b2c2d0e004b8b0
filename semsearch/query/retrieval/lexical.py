"""Lexical retrieval: the passages that have the words of a question, by BM25."""

from __future__ import annotations

import warnings
from itertools import islice

import numpy as np

from semsearch.common.errors import TruncationWarning
from semsearch.index import Bitmap
from semsearch.lexical.row_scores import RowScores
from semsearch.lexical.terms import analyzer_of
from semsearch.query.hits import Candidates
from semsearch.query.request import SearchRequest
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store

__all__ = ["LEXICAL", "rank_words", "score_words", "words_of_question"]

MOST_TERMS = 1000
"""Of a question: a text of more is a document, and each term is looked up in each segment."""
LEXICAL = "lexical"
"""The name of this retrieval's score among the parts of a hit."""


def words_of_question(store: Store, text: str, *, any_word: bool) -> dict[str, int]:
    """The terms that a question looks for, and how often it has each: the first ``MOST_TERMS`` of them, with a warning.

    Stop words are among them only if it has no other words, and then only if ``any_word`` will do: beside a search by
    meaning they would say nothing.
    """
    analyzer = analyzer_of(store.definition.settings.language)
    terms = analyzer.query_terms(text)
    if len(terms) > MOST_TERMS:
        warnings.warn(
            f"the query has {len(terms):,} different words and parts of words, of which the first {MOST_TERMS:,} are "
            "looked for",
            TruncationWarning,
            stacklevel=2,
        )
        terms = dict(islice(terms.items(), MOST_TERMS))
    return {} if not any_word and terms.keys() <= analyzer.stop_terms else terms


def score_words(store: Store, snapshot: Snapshot, text: str, allowed: Bitmap | None, *, any_word: bool) -> RowScores:
    """The BM25 score of every row for the words of a text; 0 for rows that are not ``allowed``.

    ``any_word`` is that of :func:`words_of_question`.
    """
    scores = snapshot.lexical.scores(words_of_question(store, text, any_word=any_word))
    if allowed is not None:
        scores[np.unpackbits(allowed, count=len(scores), bitorder="little") == 0] = 0
    return RowScores(scores)


def rank_words(scores: RowScores, request: SearchRequest, wanted: int) -> Candidates:
    """The ``wanted`` best passages by the scores of all rows, best first; fewer if no more have a word of the text."""
    rows = scores.best(wanted)
    if request.min_score is not None:
        rows = rows[scores.values[rows] >= np.float32(request.min_score)]
    total = len(rows) if request.min_score is not None else int(np.count_nonzero(scores.values))
    found = scores.values[rows]
    return Candidates(rows, found, {LEXICAL: found}, total)
