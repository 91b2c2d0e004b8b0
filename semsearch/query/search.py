"""From requests to hits: retrieval, then stages, then ``read_hits``.

A stage is a function from a context and candidates to candidates; it reads no texts. They run in the order of
``STAGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Fusion, Mode
from semsearch.index import all_but
from semsearch.lexical.row_scores import RowScores
from semsearch.query.accounts.confidence import find_confident, rate_candidates
from semsearch.query.diversity import FOLDED, POOL, diversify, first_of_each, fold
from semsearch.query.filters.filter import Allowed, allowed_rows
from semsearch.query.hits import Candidates, Hits, Ratings, read_hits
from semsearch.query.request import TOKENS, SearchRequest
from semsearch.query.retrieval.dense import (
    DenseQuery,
    check_vectors,
    comparable,
    encode_queries,
    like_document,
    retrieve_dense,
)
from semsearch.query.retrieval.fusion import LEAST_RETRIEVED, ScoreFusion
from semsearch.query.retrieval.lexical import rank_words, score_words
from semsearch.query.retrieval.rank_fusion import LISTED, fuse_ranks
from semsearch.storage.snapshot import Extra, Snapshot
from semsearch.storage.store import Store

__all__ = [
    "Context",
    "Retrieve",
    "answer",
    "answer_many",
    "cut_page",
    "make_retriever",
    "pin_question",
    "retrieve_candidates",
]

WIDER = 4
"""How many times as many candidates are retrieved when the stages have left too few."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage may know: the collection, its state that is read, the question, and what its filter allows."""

    store: Store
    snapshot: Snapshot
    request: SearchRequest
    allowed: Allowed


Stage = Callable[[Context, Candidates], Candidates]
Retrieve = Callable[[int], list[Candidates]]
"""So many of the best candidates of each question, or all if there are fewer."""


def answer(store: Store, request: SearchRequest) -> Hits:
    """The hits of one request, best first."""
    return answer_many(store, [request])[0]


def answer_many(store: Store, requests: Sequence[SearchRequest]) -> list[Hits]:
    """The hits of each of several requests, which are encoded together, and searched for together where they can be."""
    vectors = _query_vectors(store, requests)
    together: dict[object, list[int]] = {}
    for number, request in enumerate(requests):
        alone = request.similar is not None or request.examples  # what may be found differs
        together.setdefault(number if alone else request.retrieval, []).append(number)
    hits: dict[int, Hits] = {}
    encodes = any(request.uses_encoder for request in requests)
    with store.checking_encoder() if encodes else nullcontext(), store.pinned(_extras(requests)) as snapshot:
        for numbers in together.values():
            alike = [requests[number] for number in numbers]
            context, given = _prepare(store, snapshot, alike, [vectors.get(number) for number in numbers])
            found = retrieve_candidates(context, make_retriever(context, [one.text for one in alike], given))
            for number, request, vector, candidates in zip(numbers, alike, given, found, strict=True):
                hits[number] = _read_page(replace(context, request=request), vector, candidates)
    return [hits[number] for number in range(len(requests))]


@contextmanager
def pin_question(store: Store, request: SearchRequest) -> Iterator[tuple[Context, Retrieve]]:
    """A question put to the newest state, which stays within the block; nothing is retrieved yet."""
    vectors = _query_vectors(store, [request])
    encodes = request.uses_encoder
    with store.checking_encoder() if encodes else nullcontext(), store.pinned(_extras([request])) as snapshot:
        context, given = _prepare(store, snapshot, [request], [vectors.get(0)])
        yield context, make_retriever(context, [request.text], given)


def _prepare(
    store: Store, snapshot: Snapshot, requests: Sequence[SearchRequest], vectors: Sequence[Float32 | None]
) -> tuple[Context, Sequence[Float32 | None]]:
    """What stages may know of questions that differ in their texts and vectors alone, and their vectors."""
    request = requests[0]
    context = Context(store, snapshot, request, allowed_rows(snapshot, request.tree))
    if request.examples:  # a question with examples is alone
        context, combined = _apply_examples(context, vectors[0])
        vectors = [combined]
    return context, vectors


def cut_page(context: Context, staged: Candidates) -> tuple[Int64, Ratings]:
    """The places of the candidates that are the page's hits, and how the scores of all up to the last of them stand."""
    reached = staged.take(slice(context.request.last))
    ratings = rate_candidates(context, reached)
    kept = find_confident(context, ratings, len(reached))
    return kept[kept >= context.request.offset], ratings


def _read_page(context: Context, vector: Float32 | None, staged: Candidates) -> Hits:
    """The candidates of a page as hits, with what was asked for besides."""
    places, ratings = cut_page(context, staged)
    candidates = staged.take(places)
    read = read_hits(context.store, candidates, (places + 1).tolist(), ratings.take(places))
    hits = Hits(read, candidates.total, context.allowed.documents, ratings.best)
    return _annotate(context, vector, hits, candidates)


def _annotate(context: Context, vector: Float32 | None, hits: Hits, candidates: Candidates) -> Hits:
    """The hits with what was asked for besides."""
    request = context.request
    if request.explain:
        from semsearch.query.accounts.explain import explain_hits

        hits = explain_hits(context, vector, hits, candidates)
    elif request.highlight:
        from semsearch.query.accounts.explain import highlight_hits

        hits = highlight_hits(context.store, str(request.text), hits)
    if request.snippet:
        from semsearch.query.accounts.snippets import find_snippets

        hits = find_snippets(context, vector, hits)
    return hits


def _extras(requests: Sequence[SearchRequest]) -> Extra:
    """What of a state the questions need besides the vectors."""
    extras = Extra.NONE
    for request in requests:
        if request.mode is not Mode.DENSE:
            extras |= Extra.POSTINGS
        if request.tree is not None or request.group_by is not None:
            extras |= Extra.FIELDS
        if request.rerank == TOKENS:
            extras |= Extra.WORDS
    return extras


def _query_vectors(store: Store, requests: Sequence[SearchRequest]) -> dict[int, Float32]:
    """The vector of each request that brings one, or a text to be encoded, float32[dimension], by its number."""
    vectors: dict[int, Float32] = {}
    given = {number: request.vector for number, request in enumerate(requests) if request.vector is not None}
    if given:
        vectors.update(zip(given, comparable(store, check_vectors(store, np.array(list(given.values())))), strict=True))
    texts = {number: str(request.text) for number, request in enumerate(requests) if request.is_encoded}
    if texts:
        vectors.update(zip(texts, encode_queries(store, list(texts.values())), strict=True))
    return vectors


def _apply_examples(context: Context, vector: Float32 | None) -> tuple[Context, Float32]:
    """The question's vector with its examples, and the context without the documents that are examples."""
    from semsearch.query.retrieval.examples import combine_examples

    snapshot, allowed = context.snapshot, context.allowed
    combined, own = combine_examples(context.store, snapshot, vector, context.request.examples)
    if not len(own):
        return context, combined
    others = all_but(snapshot.rows, own)
    rows = others if allowed.rows is None else others & allowed.rows
    return replace(context, allowed=replace(allowed, rows=rows)), combined


def make_retriever(context: Context, texts: Sequence[str | None], vectors: Sequence[Float32 | None]) -> Retrieve:
    """How candidates are found for questions that differ in their texts and vectors alone, and are re-ranked."""
    retrieve = _first_retriever(context, texts, vectors)
    if context.request.rerank is None:
        return retrieve
    from semsearch.query.rerank import rerank_candidates

    return rerank_candidates(context.store, context.snapshot, context.request, [str(text) for text in texts], retrieve)


def _first_retriever(context: Context, texts: Sequence[str | None], vectors: Sequence[Float32 | None]) -> Retrieve:
    given = [vector for vector in vectors if vector is not None]
    store, snapshot, request = context.store, context.snapshot, context.request
    allowed = context.allowed.rows
    if request.mode is Mode.DENSE:
        if request.similar is None:
            query = DenseQuery(np.stack(given), allowed)
        else:
            query = like_document(store, snapshot, request.similar, allowed)
        return partial(retrieve_dense, snapshot, query, request)
    is_lexical = request.mode is Mode.LEXICAL
    words = [score_words(store, snapshot, str(text), allowed, any_word=is_lexical) for text in texts]
    if is_lexical:
        return lambda wanted: [rank_words(scores, request, wanted) for scores in words]
    return partial(_retrieve_both, context, DenseQuery(np.stack(given), allowed), words)


def _retrieve_both(context: Context, query: DenseQuery, words: Sequence[RowScores], wanted: int) -> list[Candidates]:
    snapshot, exact, by_ranks = context.snapshot, context.request.exact, context.request.fusion is Fusion.RANKS
    depth = max(LISTED if by_ranks else LEAST_RETRIEVED, wanted)
    nearest = zip(*snapshot.search(query.vectors, depth, query.allowed, exact=exact), strict=True)
    fused = []
    for vector, lexical, ranked in zip(query.vectors, words, nearest, strict=True):
        if by_ranks:
            fused.append(fuse_ranks(snapshot, vector[None], lexical, query.allowed, ranked).take(slice(wanted)))
        else:
            fused.append(ScoreFusion(snapshot, vector[None], lexical, query.allowed, exact).best(wanted, ranked))
    return fused


def retrieve_candidates(context: Context, retrieve: Retrieve) -> list[Candidates]:
    """The candidates that the stages leave for each query, up to the page that is wanted and perhaps beyond.

    While they are too few, more are retrieved, if any are.
    """
    request, rows = context.request, context.snapshot.rows
    wanted_hits = rows if request.last is None else request.last
    wanted = max(wanted_hits, POOL) if request.diversity else wanted_hits
    while True:
        staged = [_run_stages(context, candidates) for candidates in retrieve(wanted)]
        is_short = any(len(candidates) < wanted_hits for candidates in staged)
        if not (is_short and request.is_spread and request.min_score is None and wanted < rows):
            return staged
        wanted *= WIDER


def _run_stages(context: Context, candidates: Candidates) -> Candidates:
    for stage in STAGES:
        candidates = stage(context, candidates)
    return candidates


def _group_by_document(context: Context, candidates: Candidates) -> Candidates:
    """The best passage of each document, if that is what is wanted."""
    if not context.request.per_document:
        return candidates
    documents = np.array(context.store.document_numbers(candidates.rows.tolist()), np.int64)
    _, firsts = np.unique(documents, return_index=True)
    return candidates.take(np.sort(firsts))


def _group_by_field(context: Context, candidates: Candidates) -> Candidates:
    """The best passage of each value of a field, if that is what is wanted."""
    request = context.request
    if request.group_by is None:
        return candidates
    from semsearch.fields.lookup import look_up
    from semsearch.query.filters.evaluate import Matcher
    from semsearch.query.filters.parser import parse_field

    if not context.snapshot.state.documents:  # where there are none there are no fields
        return candidates
    field = replace(parse_field(request.group_by), column=None)
    Matcher(context.snapshot.columns).kinds_of(field)
    return candidates.take(first_of_each(look_up(context.snapshot.columns, field.path, candidates.rows)))


def _fold(context: Context, candidates: Candidates) -> Candidates:
    """Without what is nearly the same as a better candidate, if that is not wanted."""
    least = context.request.fold
    if least is None:
        return candidates
    pool = candidates.rows[:FOLDED]
    kept = fold(context.snapshot.searcher.rows.take(pool), least)
    return candidates.take(np.concatenate([kept, np.arange(len(pool), len(candidates))]))


def _spread_out(context: Context, candidates: Candidates) -> Candidates:
    """In another order, if hits that are near to one before them are to come later."""
    if not context.request.diversity:
        return candidates
    pool = candidates.take(slice(POOL))
    scores = pool.scores if context.request.is_on_scale else _scale(pool.scores)
    order = diversify(scores, context.snapshot.searcher.rows.take(pool.rows), context.request.diversity)
    return candidates.take(np.concatenate([order, np.arange(len(pool), len(candidates))]))


def _scale(scores: Float32) -> Float32:
    """Scores of any scale from 0 to 1, to be weighed against cosines."""
    low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)
    return (scores - low) / (high - low or 1.0)


STAGES: tuple[Stage, ...] = (_group_by_document, _group_by_field, _fold, _spread_out)
