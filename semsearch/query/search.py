"""From requests to hits: ``retrieve``, then stages, then ``read_hits``.

A stage is a function from a context and candidates to candidates; it reads no texts. Fusing retrievals, ranking again
and spreading out results are stages. They run in the order of ``STAGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.query.dense import DenseQuery, check_vectors, comparable, encode_queries, like_document, retrieve
from semsearch.query.hits import Candidates, Hit, read_hits
from semsearch.query.request import SearchRequest
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store

__all__ = ["Context", "answer", "answer_many"]

WIDER = 4
"""How many times as many candidates are retrieved when the stages have left too few."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage may know: the collection, its state that is read, and the question."""

    store: Store
    snapshot: Snapshot
    request: SearchRequest


Stage = Callable[[Context, Candidates], Candidates]


def answer(store: Store, request: SearchRequest) -> list[Hit]:
    """The hits of one request, best first."""
    return answer_many(store, [request])[0]


def answer_many(store: Store, requests: Sequence[SearchRequest]) -> list[list[Hit]]:
    """The hits of each of several requests, which are encoded together, and searched for together where they can be."""
    vectors = _query_vectors(store, requests)
    together: dict[object, list[int]] = {}
    for number, request in enumerate(requests):
        alone = request.like is not None  # what may be found differs
        together.setdefault(number if alone else request.retrieval, []).append(number)
    hits: list[list[Hit]] = [[] for _ in requests]
    encodes = any(request.text is not None for request in requests)
    with store.checking_encoder() if encodes else nullcontext(), store.pinned() as snapshot:
        for numbers in together.values():
            context = Context(store, snapshot, requests[numbers[0]])
            if context.request.like is not None:
                query = like_document(store, snapshot, context.request.like)
            else:
                query = DenseQuery(np.stack([vectors[number] for number in numbers]))
            for number, candidates in zip(numbers, _candidates(context, query), strict=True):
                hits[number] = read_hits(store, candidates)
    return hits


def _query_vectors(store: Store, requests: Sequence[SearchRequest]) -> dict[int, Float32]:
    """The vector of each request that brings a text or a vector, float32[dimension], by its number."""
    vectors: dict[int, Float32] = {}
    given = {number: request.vector for number, request in enumerate(requests) if request.vector is not None}
    if given:
        vectors.update(zip(given, comparable(store, check_vectors(store, np.array(list(given.values())))), strict=True))
    texts = {number: request.text for number, request in enumerate(requests) if request.text is not None}
    if texts:
        vectors.update(zip(texts, encode_queries(store, list(texts.values())), strict=True))
    return vectors


def _candidates(context: Context, query: DenseQuery) -> list[Candidates]:
    """The candidates that the stages leave for each query. While they are too few, more are retrieved, if any are."""
    request, rows = context.request, context.snapshot.rows
    wanted = wanted_hits = rows if request.k is None else request.k
    while True:
        retrieved = retrieve(context.snapshot, query, request, wanted)
        staged = [_run_stages(context, candidates) for candidates in retrieved]
        is_short = any(len(candidates) < wanted_hits for candidates in staged)
        if not (is_short and request.per_document and request.min_score is None and wanted < rows):
            return staged
        wanted *= WIDER


def _run_stages(context: Context, candidates: Candidates) -> Candidates:
    for stage in STAGES:
        candidates = stage(context, candidates)
    return candidates


def _group_by_document(context: Context, candidates: Candidates) -> Candidates:
    """The nearest passage of each document, if that is what is wanted."""
    if not context.request.per_document:
        return candidates
    documents = np.array(context.store.document_numbers(candidates.rows.tolist()), np.int64)
    _, firsts = np.unique(documents, return_index=True)
    return candidates.take(np.sort(firsts))


def _cut_page(context: Context, candidates: Candidates) -> Candidates:
    """As many as are wanted."""
    return candidates.take(slice(context.request.k))


STAGES: tuple[Stage, ...] = (_group_by_document, _cut_page)
