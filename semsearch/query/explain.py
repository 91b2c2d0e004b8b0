"""Accounts of scores: the ranks of a hit in each list, what each word and each token adds, and where the words stand.

With mean pooling the vector of a text is the mean of its tokens' vectors, divided by its length. A cosine is then a sum
over tokens, of the passage or of the query: each token's product with the other text's vector, divided by the number of
tokens and by the length of their mean. Special tokens are part of it. Texts are read again for this, so that the sum is
the score but for the rounding of what is stored.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Metric, Mode, Pooling, Role, Span
from semsearch.encoder.encoder import TokenVectors
from semsearch.lexical.terms import analyzer_of
from semsearch.query.dense import DENSE
from semsearch.query.hits import Explanation, Hits, TokenShare
from semsearch.query.lexical import LEXICAL
from semsearch.query.request import SearchRequest
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store

__all__ = ["explain_hits", "highlight_hits"]

RANKED = 1000
"""How deep a dense rank is looked for."""


def highlight_hits(store: Store, query: str, hits: Hits) -> Hits:
    """The hits with the places of the words of the query."""
    found = [replace(hit, highlights=_find_words(store, query, hit.text)) for hit in hits]
    return Hits(found, hits.total, hits.documents)


def _find_words(store: Store, query: str, text: str) -> tuple[Span, ...]:
    """Where words stand in a text that a lexical search for the query finds it by."""
    analyzer = analyzer_of(store.definition.settings.language)
    wanted = analyzer.query_terms(query).keys()
    return tuple(
        span
        for span, terms in analyzer.words(text)
        if not wanted.isdisjoint((*terms.parts, *terms.whole, *terms.single))
    )


def explain_hits(
    store: Store, snapshot: Snapshot, request: SearchRequest, vector: Float32 | None, hits: Hits, rows: Int64
) -> Hits:
    """The hits with their explanations; ``rows`` are theirs, ``vector`` is the query's, float32[dimension]."""
    query = str(request.text)
    words, lexical_ranks = _explain_words(store, snapshot, request, rows)
    dense_ranks = _dense_ranks(snapshot, vector, rows) if vector is not None else [None] * len(rows)
    of_query, of_passages = _share_tokens(store, snapshot, request, vector, hits, rows)
    explained = [
        replace(
            hit,
            highlights=_find_words(store, query, hit.text),
            explanation=Explanation(
                ranks={
                    name: rank
                    for name, rank in ((DENSE, dense_ranks[place]), (LEXICAL, lexical_ranks[place]))
                    if name in hit.parts
                },
                words=words[place],
                query_tokens=of_query[place],
                tokens=of_passages[place],
            ),
        )
        for place, hit in enumerate(hits)
    ]
    return Hits(explained, hits.total, hits.documents)


def _explain_words(
    store: Store, snapshot: Snapshot, request: SearchRequest, rows: Int64
) -> tuple[list[dict[str, float]], list[int | None]]:
    """What each term adds to the lexical score of each row, and the row's rank by it."""
    if request.mode is Mode.DENSE:
        return [{} for _ in rows], [None] * len(rows)
    terms = analyzer_of(store.definition.settings.language).query_terms(str(request.text))
    shares = snapshot.lexical.shares(terms, rows)
    scores = snapshot.lexical.scores(terms)
    words = [{term: float(share[at]) for term, share in shares.items() if share[at]} for at in range(len(rows))]
    ranks = [int(np.count_nonzero(scores > scores[row])) + 1 if scores[row] else None for row in rows.tolist()]
    return words, ranks


def _dense_ranks(snapshot: Snapshot, vector: Float32, rows: Int64) -> list[int | None]:
    """The rank of each row among the nearest of all; ``None`` if it is behind the first thousand."""
    _, (nearest,) = snapshot.search(vector[None], RANKED)
    ranks = {row: rank for rank, row in enumerate(nearest.tolist(), start=1)}
    return [ranks.get(row) for row in rows.tolist()]


def _share_tokens(
    store: Store, snapshot: Snapshot, request: SearchRequest, vector: Float32 | None, hits: Hits, rows: Int64
) -> tuple[list[tuple[TokenShare, ...]], list[tuple[TokenShare, ...]]]:
    """The shares of the query's and of the passage's tokens in each dense score; none where they do not add up."""
    nothing: list[tuple[TokenShare, ...]] = [()] * len(hits)
    adds_up = store.encoder.spec.pooling is Pooling.MEAN if vector is not None else False
    if vector is None or not adds_up or store.definition.settings.metric is not Metric.COSINE or not len(hits):
        return nothing, nothing
    texts = [f"{hit.title} {hit.text}" if hit.title else hit.text for hit in hits]
    prompts = {role: store.encoder.prompt(role) for role in Role}
    read = [prompts[Role.QUERY] + str(request.text), *(prompts[Role.DOCUMENT] + text for text in texts)]
    (encoded_query, *encoded), _ = store.encoder.encode_tokens_counted(read)
    stored = unit_length(snapshot.searcher.rows.take(rows))
    in_query = [_shares(encoded_query, passage) for passage in stored]
    return in_query, [_shares(passage, vector) for passage in encoded]


def _shares(encoded: TokenVectors, other: Float32) -> tuple[TokenShare, ...]:
    """What each token adds to the cosine of the text's mean vector with another vector of length 1."""
    mean = encoded.vectors.mean(axis=0)
    scale = len(encoded.vectors) * float(np.linalg.norm(mean))
    shares = (encoded.vectors @ other / scale).tolist() if scale else []
    tokens = encoded.tokens
    return tuple(map(TokenShare, tokens.tokens, shares))
