"""Dense search: the passages whose vectors are nearest to a query's vector."""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np

from semsearch.collection import Snapshot, Store, StoredPassage, unit_length
from semsearch.errors import QueryError
from semsearch.types import Float32, Hit, Int64, Role

__all__ = ["nearest", "search", "similar"]


def search(store: Store, text: str, k: int) -> list[Hit]:
    """The ``k`` passages nearest in meaning to ``text``, best first, by cosine."""
    if not isinstance(text, str) or not text.strip():
        raise QueryError("the query is empty; give a word or a sentence to search for")
    _check_k(k)
    vector = unit_length(store.encoder.encode([text], Role.QUERY))
    with store.pinned() as snapshot:
        return nearest(store, snapshot, vector, k)


def similar(store: Store, document: str, k: int) -> list[Hit]:
    """The ``k`` other documents nearest to a stored one, each by its nearest passage.

    A document of several passages is represented by the mean of their vectors.
    """
    _check_k(k)
    with store.pinned() as snapshot:
        found = store.vectors_of(document)
        if found is None:
            raise QueryError(
                f"there is no document {document!r} in collection {store.name!r}; {_similar_id(store, document)}"
            )
        own = np.asarray(found, dtype=np.int64)
        query = unit_length(snapshot.vectors.take(snapshot.rows, own).mean(axis=0, keepdims=True))
        wanted = k
        while True:
            hits = _one_per_document(nearest(store, snapshot, query, wanted, without=own))
            if len(hits) >= k or wanted >= snapshot.rows:
                return hits[:k]
            wanted *= 4


def nearest(store: Store, snapshot: Snapshot, query: Float32, k: int, without: Int64 | None = None) -> list[Hit]:
    """The ``k`` passages of a pinned state nearest to one vector of length 1, float32[1, dimension]."""
    scores, ids = snapshot.search(query, k, without)
    passages = store.passages(ids[0].tolist())
    found = [(float(score), passages[vector]) for score, vector in zip(scores[0], ids[0].tolist(), strict=True)]
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


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise QueryError(f"k is {k!r}; ask for at least 1 result")


def _similar_id(store: Store, document: str) -> str:
    close = difflib.get_close_matches(document, store.ids(), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "search for it first to learn its id"
