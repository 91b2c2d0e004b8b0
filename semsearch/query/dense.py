"""Dense search: the passages whose vectors are nearest to a query's vector."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import SupportsFloat

import numpy as np
import numpy.typing as npt

from semsearch.common.documents import Float32, Hit, Int64, Metric, Role
from semsearch.common.errors import QueryError
from semsearch.index import Bitmap, all_but
from semsearch.query.checks import check_k, checked_vectors
from semsearch.storage import Snapshot, Store, StoredPassage, unit_length

__all__ = ["hits_of", "query_vectors", "search_texts", "search_vectors", "similar", "within"]


def search_texts(store: Store, texts: Sequence[str], k: int, exact: bool = False) -> list[list[Hit]]:
    """For each text the ``k`` passages nearest to it in meaning, best first; ``exact`` leaves the index out."""
    check_k(k)
    return _search(store, query_vectors(store, texts), k, exact)


def search_vectors(store: Store, vectors: npt.ArrayLike, k: int, exact: bool = False) -> list[list[Hit]]:
    """For each vector the ``k`` passages nearest to it, best first; ``exact`` leaves the index out."""
    check_k(k)
    return _search(store, checked_vectors(vectors, store.stored_encoder.dimension, store.settings.metric), k, exact)


def _search(store: Store, queries: Float32, k: int, exact: bool) -> list[list[Hit]]:
    with store.pinned() as snapshot:
        return _nearest(store, snapshot, queries, k, exact=exact)


def within(store: Store, text: str, score: SupportsFloat) -> list[Hit]:
    """All passages that score ``score`` or more against a text, best first."""
    if not isinstance(score, int | float | np.number) or not math.isfinite(score):
        raise QueryError(f"{score!r} is no score to reach; give a number such as 0.5")
    queries = query_vectors(store, [text])
    with store.pinned() as snapshot:
        scores, ids = snapshot.within(queries, float(score))
        return hits_of(store, scores, ids)


def query_vectors(store: Store, texts: Sequence[str]) -> Float32:
    """Vectors of texts in the query role, float32[m, dimension], of length 1 if the metric is the cosine.

    Raises :class:`QueryError` for a text that is empty.
    """
    if isinstance(texts, str):
        raise QueryError(f"the queries are one text, {texts[:40]!r}; put it in a list: [text]")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise QueryError("the query is empty; give a word or a sentence to search for")
    return _comparable(store, store.encoder.encode(list(texts), Role.QUERY))


def _comparable(store: Store, vectors: Float32) -> Float32:
    return unit_length(vectors) if store.settings.metric is Metric.COSINE else vectors


def similar(store: Store, document: str, k: int) -> list[Hit]:
    """The ``k`` other documents nearest to a stored one, each by its nearest passage.

    A document of several passages is represented by the mean of their vectors.
    """
    check_k(k)
    with store.pinned() as snapshot:
        found = store.vectors_of(document)
        if found is None:
            raise QueryError(
                f"there is no document {document!r} in collection {store.name!r}; {_similar_id(store, document)}"
            )
        own = np.asarray(found, dtype=np.int64)
        query = _comparable(store, snapshot.searcher.rows.take(own).mean(axis=0, keepdims=True))
        others = all_but(snapshot.rows, own)
        wanted = k
        while True:
            hits = _one_per_document(_nearest(store, snapshot, query, wanted, others)[0])
            if len(hits) >= k or wanted >= snapshot.rows:
                return hits[:k]
            wanted *= 4


def _nearest(
    store: Store, snapshot: Snapshot, queries: Float32, k: int, allowed: Bitmap | None = None, exact: bool = False
) -> list[list[Hit]]:
    """For each query, float32[m, dimension], its ``k`` nearest passages of a pinned state."""
    scores, ids = snapshot.search(queries, k, allowed, exact, store.threads)
    return [hits_of(store, *found) for found in zip(scores, ids, strict=True)]


def hits_of(store: Store, scores: Float32, ids: Int64) -> list[Hit]:
    """The passages of a pinned state that were found, float32[n] and int64[n], as hits in their order."""
    passages = store.passages(ids.tolist())
    found = [(float(score), passages[vector]) for score, vector in zip(scores, ids.tolist(), strict=True)]
    return [_hit(rank, score, passage) for rank, (score, passage) in enumerate(found, 1)]


def _hit(rank: int, score: float, passage: StoredPassage) -> Hit:
    document = passage.document
    return Hit(
        rank=rank,
        score=score,
        document=str(document.id),
        passage=passage.ordinal,
        text=document.text[passage.start : passage.stop],
        start=passage.start,
        end=passage.stop,
        title=document.title,
        source=document.source,
        metadata=document.metadata,
        parts={"dense": score},
    )


def _one_per_document(hits: list[Hit]) -> list[Hit]:
    best: dict[str, Hit] = {}
    for hit in hits:
        best.setdefault(hit.document, hit)
    return [replace(hit, rank=rank) for rank, hit in enumerate(best.values(), 1)]


def _similar_id(store: Store, document: str) -> str:
    close = difflib.get_close_matches(document, store.ids(), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "search for it first to learn its id"
