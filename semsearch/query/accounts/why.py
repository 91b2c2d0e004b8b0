"""Why a document is or is not an answer: its rank among all passages, or what has left it out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from semsearch.common.arrays import Int64
from semsearch.common.errors import QueryError
from semsearch.common.suggestions import suggest
from semsearch.index import members
from semsearch.query.hits import Hit, read_hits
from semsearch.query.request import SearchRequest
from semsearch.query.search import Context, Retrieve, cut_page, pin_question, retrieve_candidates
from semsearch.storage.store import Store

__all__ = ["Reason", "Why", "explain_absence"]


class Reason(enum.StrEnum):
    """What became of a document."""

    FOUND = "found"
    """It is on the page that was asked for."""
    OTHER_PAGE = "other page"
    """It is behind the last hit, or before the first one."""
    FILTER = "filter"
    """The filter leaves it out."""
    EXAMPLE = "example"
    """It is one of the examples, which are no answers."""
    NO_WORD = "no word"
    """It has none of the words of a lexical question."""
    GROUP = "group"
    """A better passage stands for its group."""
    FOLD = "near-duplicate"
    """It is nearly the same as a better hit."""
    CONFIDENCE = "low confidence"
    """It is on the page, and has not the least confidence."""


@dataclass(frozen=True, slots=True)
class Why:
    """``rank``, ``score`` and ``parts`` are those of the document's best passage, ``None`` and empty if it has none.

    ``last`` is the last hit of the page, which the document would have to beat.
    """

    document: str
    reason: Reason
    rank: int | None
    passage: int | None
    score: float | None
    parts: Mapping[str, float]
    last: Hit | None


def explain_absence(store: Store, request: SearchRequest, document: str) -> Why:
    """Ask the question exactly and to the end, and look for the document; raises :class:`QueryError` for no such id."""
    exact = replace(request, exact=True)
    with pin_question(store, exact) as (context, retrieve):
        rows = store.rows_of_document(document)
        if rows is None:
            advice = suggest(document, store.ids(), "search for it first to learn its id", likeness=0.5)
            raise QueryError(f"there is no document {document!r} in collection {store.name!r}; {advice}")
        (everything,) = retrieve(context.snapshot.rows)
        own = np.flatnonzero(np.isin(everything.rows, rows))
        (staged,) = retrieve_candidates(context, retrieve)
        page = staged.rows[request.offset : request.last]
        places, ratings = cut_page(context, staged)
        kept = staged.take(places)
        last = read_hits(store, kept, (places + 1).tolist(), ratings.take(places))[-1:]
        if not len(own):
            return Why(document, _left_out(context, rows), None, None, None, {}, last[0] if last else None)
        (hit,) = read_hits(store, everything.take(own[:1]), [int(own[0]) + 1])
        reason = _judge(context, retrieve, everything.rows[own], page)
        if reason is Reason.FOUND and not np.isin(everything.rows[own], kept.rows).any():
            reason = Reason.CONFIDENCE
        return Why(document, reason, hit.rank, hit.passage, hit.score, hit.parts, last[0] if last else None)


def _judge(context: Context, retrieve: Retrieve, own: Int64, page: Int64) -> Reason:
    """What became of a document whose passages are candidates."""
    if np.isin(own, page).any():
        return Reason.FOUND
    whole = replace(context, request=replace(context.request, k=max(context.snapshot.rows, 1), offset=0))
    (kept,) = retrieve_candidates(whole, retrieve)
    if np.isin(own, kept.rows).any():
        return Reason.OTHER_PAGE
    unfolded = replace(whole, request=replace(whole.request, fold=None))
    (grouped,) = retrieve_candidates(unfolded, retrieve)
    return Reason.FOLD if np.isin(own, grouped.rows).any() else Reason.GROUP


def _left_out(context: Context, rows: list[int]) -> Reason:
    """Why none of a document's passages is a candidate."""
    allowed = context.allowed.rows
    if allowed is None or np.isin(rows, members(allowed)).any():
        return Reason.NO_WORD
    examples = {text for text, _ in context.request.examples}
    is_example = any(context.store.rows_of_document(text) == rows for text in examples)
    return Reason.EXAMPLE if is_example else Reason.FILTER
