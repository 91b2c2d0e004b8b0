"""Dense retrieval: vectors of questions, and the passages whose vectors are nearest to them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semsearch.common import given_vectors
from semsearch.common.arguments import check_strings
from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Metric, Role
from semsearch.common.errors import InputError, QueryError, UnknownTokensWarning
from semsearch.common.suggestions import suggest
from semsearch.index import Bitmap, all_but
from semsearch.query.hits import Candidates
from semsearch.query.request import SearchRequest
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store

__all__ = ["DENSE", "DenseQuery", "check_vectors", "comparable", "encode_queries", "like_document", "retrieve_dense"]

DENSE = "dense"
"""The name of this retrieval's score among the parts of a hit."""


def encode_queries(store: Store, texts: Sequence[str]) -> Float32:
    """Vectors of texts in the query role, float32[m, dimension], of length 1 if the metric is the cosine.

    Raises :class:`QueryError` for a text that is empty.
    """
    texts = check_strings(texts, "queries", QueryError)
    if not all(_has_token(store, text) for text in texts):
        raise QueryError("the query is empty; give a word or a sentence to search for")
    encoded = store.encoder.encode_counted(list(texts), Role.QUERY)
    store.encoder.warn_of_cut(encoded.cut)
    _warn_of_unknown(encoded.unknown)
    return comparable(store, encoded.vectors)


def _warn_of_unknown(unknown: Int64) -> None:
    if unknown.any():
        warnings.warn(
            f"the model does not know {unknown.sum()} tokens of the query, and reads all of them as the same one; "
            "take a model of the language",
            UnknownTokensWarning,
            stacklevel=2,
        )


def _has_token(store: Store, text: str) -> bool:
    """Whether the encoder has anything to read; the tokenizer is asked only for what has no letter and no digit."""
    return any(map(str.isalnum, text)) or bool(text.strip() and store.encoder.content_offsets([text])[0][0])


def check_vectors(store: Store, vectors: npt.ArrayLike) -> Float32:
    """One or several query vectors as float32[m, dimension].

    Raises :class:`QueryError` for another shape or kind of numbers, NaN, infinity, and zeros, which have no
    direction.
    """
    dimension, metric = store.definition.encoder.dimension, store.definition.settings.metric
    try:
        return given_vectors.check_vectors(vectors, dimension, metric)
    except InputError as error:
        raise QueryError(f"query {error}") from None


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """``vectors``, float32[m, dimension], to find neighbours of; ``allowed`` are the rows that may be found."""

    vectors: Float32
    allowed: Bitmap | None = None


def like_document(store: Store, snapshot: Snapshot, document: str, allowed: Bitmap | None) -> DenseQuery:
    """The mean of a stored document's passages, which themselves are not to be found."""
    rows = store.rows_of_document(document)
    if rows is None:
        advice = suggest(document, store.ids(), "search for it first to learn its id", likeness=0.5)
        raise QueryError(f"there is no document {document!r} in collection {store.name!r}; {advice}")
    own_rows = np.asarray(rows, dtype=np.int64)
    mean = snapshot.searcher.rows.take(own_rows).mean(axis=0, keepdims=True)
    others = all_but(snapshot.rows, own_rows)
    return DenseQuery(comparable(store, mean), others if allowed is None else others & allowed)


def retrieve_dense(snapshot: Snapshot, query: DenseQuery, request: SearchRequest, wanted: int) -> list[Candidates]:
    """For each vector its ``wanted`` nearest passages, or all that reach the least score."""
    if request.min_score is not None:
        least = float(request.min_score)
        return [_candidates(*snapshot.within(vector[None], least, query.allowed)) for vector in query.vectors]
    scores, rows = snapshot.search(query.vectors, wanted, query.allowed, exact=request.exact)
    total = snapshot.count(query.allowed)
    return [_candidates(*nearest, total) for nearest in zip(scores, rows, strict=True)]


def _candidates(scores: Float32, rows: npt.NDArray[np.int64], total: int | None = None) -> Candidates:
    best = float(scores[0]) if len(scores) else None
    return Candidates(rows, scores, {DENSE: scores}, len(rows) if total is None else total, best_dense=best)


def comparable(store: Store, vectors: Float32) -> Float32:
    """Vectors as they are compared with stored ones: of length 1 if the metric is the cosine."""
    return unit_length(vectors) if store.definition.settings.metric is Metric.COSINE else vectors
