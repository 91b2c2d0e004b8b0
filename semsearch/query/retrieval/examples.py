"""Questions by example: what is like some texts or documents, and unlike others.

Each example counts as a vector of length 1: a text's own, or the mean of a document's passages. The question is their
weighted sum, with the query's own vector if there is a text (Rocchio 1971). A document that is an example is no answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Metric
from semsearch.common.errors import QueryError
from semsearch.query.retrieval.dense import comparable, encode_queries
from semsearch.query.retrieval.weights import Examples
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store

__all__ = ["combine_examples"]

LEAST_LENGTH = 1e-3
"""A sum of vectors of length 1 that is shorter has no direction but that of rounding."""


def combine_examples(
    store: Store, snapshot: Snapshot, query: Float32 | None, examples: Examples
) -> tuple[Float32, Int64]:
    """The question's vector, float32[dimension], and the rows of the documents that are examples."""
    rows = {text: store.rows_of_document(text) for text, _ in examples}
    texts = [text for text, own in rows.items() if own is None]
    encoded = dict(zip(texts, encode_queries(store, texts), strict=True)) if texts else {}
    total = np.zeros(store.definition.encoder.dimension) if query is None else _unit(query)
    own_rows: list[int] = []
    for text, weight in examples:
        known = rows[text]
        if known is None:
            vector = encoded[text]
        else:
            vector = snapshot.searcher.rows.take(np.asarray(known, np.int64)).mean(axis=0)
            own_rows += known
        total = total + weight * _unit(vector)
    if store.definition.settings.metric is Metric.COSINE and np.linalg.norm(total) < LEAST_LENGTH:
        raise QueryError(
            "the examples cancel each other out: what is like and unlike them has no direction; leave one out"
        )
    return comparable(store, total.astype(np.float32)[None])[0], np.unique(np.array(own_rows, np.int64))


def _unit(vector: Float32) -> Any:
    return unit_length(vector[None])[0].astype(np.float64)
