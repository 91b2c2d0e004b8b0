"""Accounts of scores: the ranks of a hit in each list, what each word and each token adds, and where the words stand.

With mean pooling the vector of a text is the mean of its tokens' vectors, divided by its length. A cosine is then a sum
over tokens, of the passage or of the query: each token's product with the other text's vector, divided by the number of
tokens and by the length of their mean. Special tokens are part of it. Texts are encoded again for this, each when its
shares are looked at, so that the sum is the score but for the rounding of what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Metric, Mode, Pooling, Role, Span
from semsearch.common.threads import computed_once
from semsearch.encoder.encoder import Encoder, TokenVectors
from semsearch.index import all_but, members
from semsearch.lexical.terms import analyzer_of
from semsearch.query.filters.filter import allowed_rows
from semsearch.query.hits import Candidates, Explanation, Hit, Hits, TokenShare, read_hits
from semsearch.query.retrieval.dense import DENSE
from semsearch.query.retrieval.lexical import LEXICAL, score_words, words_of_question
from semsearch.query.search import Context, make_retriever, retrieve_candidates
from semsearch.storage.store import Store

__all__ = ["explain_hits", "highlight_hits"]

RANKED = 300
"""How deep a dense rank is looked for."""


def highlight_hits(store: Store, query: str, hits: Hits) -> Hits:
    """The hits with the places of the words of the query."""
    found = [replace(hit, highlights=_find_words(store, query, hit.text)) for hit in hits]
    return hits.with_hits(found)


def _find_words(store: Store, query: str, text: str) -> tuple[Span, ...]:
    """Where words stand in a text that a lexical search for the query finds it by."""
    analyzer = analyzer_of(store.definition.settings.language)
    wanted = analyzer.query_terms(query).keys()
    return tuple(
        span
        for span, terms in analyzer.words(text)
        if not wanted.isdisjoint((*terms.parts, *terms.whole, *terms.single))
    )


def explain_hits(context: Context, vector: Float32 | None, hits: Hits, candidates: Candidates) -> Hits:
    """The hits of some candidates with their explanations; ``vector`` is the question's, float32[dimension]."""
    rows = candidates.rows
    words, lexical_ranks = _explain_words(context, rows)
    dense_ranks = _dense_ranks(context, vector, rows)
    of_query, of_passages = _share_tokens(context, vector, hits, rows)
    explained = [
        replace(
            hit,
            highlights=_find_words(context.store, str(context.request.text), hit.text),
            explanation=Explanation(
                ranks=_ranks_of(hit, candidates, place, dense_ranks[place], lexical_ranks[place]),
                words=words[place],
                query_tokens=of_query[place],
                tokens=of_passages[place],
            ),
        )
        for place, hit in enumerate(hits)
    ]
    removed = () if context.request.tree is None else _find_removed(context, vector)
    return Hits(explained, hits.total, hits.documents, hits.confidence, removed)


def _find_removed(context: Context, vector: Float32 | None) -> tuple[Hit, ...]:
    """The hits that the page would have without the filter, and without re-ranking, and that the filter removes."""
    store, snapshot, request = context.store, context.snapshot, context.request
    own = [row for text, _ in request.examples for row in store.rows_of_document(text) or ()]
    others = all_but(snapshot.rows, np.array(own, np.int64)) if own else None
    whole = replace(
        context,
        request=replace(request, where=None, rerank=None, rerank_ms=None),
        allowed=replace(context.allowed, rows=others),
    )
    (staged,) = retrieve_candidates(whole, make_retriever(whole, [request.text], [vector]))
    fulfil = allowed_rows(snapshot, request.tree).rows
    if fulfil is None:
        return ()
    places = np.arange(len(staged))[request.offset : request.last]
    removed = places[~np.isin(staged.rows[places], members(fulfil))]
    return tuple(read_hits(store, staged.take(removed), (removed + 1).tolist()))


def _ranks_of(
    hit: Hit, candidates: Candidates, place: int, dense: int | None, lexical: int | None
) -> dict[str, int | None]:
    """The rank of a hit by each of its parts."""
    known = {name: int(ranks[place]) for name, ranks in candidates.ranks.items()}
    ranks = {DENSE: dense, LEXICAL: lexical, **known}
    return {name: rank for name, rank in ranks.items() if name in hit.parts}


def _explain_words(context: Context, rows: Int64) -> tuple[list[dict[str, float]], list[int | None]]:
    """What each term adds to the lexical score of each row, and the row's rank by it among those that may be found."""
    store, snapshot, request = context.store, context.snapshot, context.request
    if request.mode is Mode.DENSE:
        return [{} for _ in rows], [None] * len(rows)
    text, any_word = str(request.text), request.mode is Mode.LEXICAL
    shares = snapshot.lexical.shares(words_of_question(store, text, any_word=any_word), rows)
    scores = score_words(store, snapshot, text, context.allowed.rows, any_word=any_word).values
    words = [{term: float(share[at]) for term, share in shares.items() if share[at]} for at in range(len(rows))]
    found = scores[scores > 0]  # few of all, where stop words do not count
    ranks = [int(np.count_nonzero(found > score)) + 1 if score else None for score in scores[rows].tolist()]
    return words, ranks


def _dense_ranks(context: Context, vector: Float32 | None, rows: Int64) -> list[int | None]:
    """The rank of each row among the nearest that may be found; ``None`` if it is behind the first 300."""
    if vector is None:
        return [None] * len(rows)
    allowed, exact = context.allowed.rows, context.request.exact
    _, (nearest,) = context.snapshot.search(vector[None], RANKED, allowed, exact=exact)
    ranks = {row: rank for rank, row in enumerate(nearest.tolist(), start=1)}
    return [ranks.get(row) for row in rows.tolist()]


def _share_tokens(
    context: Context, vector: Float32 | None, hits: Hits, rows: Int64
) -> tuple[list[Sequence[TokenShare]], list[Sequence[TokenShare]]]:
    """The shares of the query's and of the passage's tokens in each dense score; none where they do not add up.

    With examples the question is not the text alone, so that its tokens do not add up, while the passage's do.
    """
    store, request = context.store, context.request
    of_query: list[Sequence[TokenShare]] = [()] * len(hits)
    of_passages: list[Sequence[TokenShare]] = [()] * len(hits)
    is_cosine = store.definition.settings.metric is Metric.COSINE
    if vector is None or not len(hits) or not is_cosine or store.encoder.spec.pooling is not Pooling.MEAN:
        return of_query, of_passages
    texts = [f"{hit.title} {hit.text}" if hit.title else hit.text for hit in hits]
    prompt = store.encoder.prompt(Role.DOCUMENT)
    of_passages = [LazyShares(_Text(store.encoder, prompt + text), vector) for text in texts]
    if not request.examples:
        query = _Text(store.encoder, store.encoder.prompt(Role.QUERY) + str(request.text))
        stored = unit_length(context.snapshot.searcher.rows.take(rows))
        of_query = [LazyShares(query, passage) for passage in stored]
    return of_query, of_passages


class _Text:
    """A text whose tokens are encoded when they are first needed."""

    def __init__(self, encoder: Encoder, text: str) -> None:
        self._encoder = encoder
        self._text = text

    @computed_once
    def encoded(self) -> TokenVectors:
        """Its tokens, in the precision that passages are encoded in."""
        (encoded,), _ = self._encoder.encode_tokens_counted([self._text], reduced=True)
        return encoded


class LazyShares(Sequence[TokenShare]):
    """The tokens of a text with what each adds to the dense score, equal to a tuple of the same.

    The text is encoded when they are first looked at: that takes ten times as long as the rest of an explanation, and
    most are never looked at. A copy, or what is unpickled, is the tuple; for JSON make a list of it.
    """

    def __init__(self, text: _Text, other: Float32) -> None:
        self._text = text
        self._other = other

    @computed_once
    def shares(self) -> tuple[TokenShare, ...]:
        """All of them."""
        return _shares(self._text.encoded, self._other)

    def __len__(self) -> int:
        return len(self.shares)

    @overload
    def __getitem__(self, place: int) -> TokenShare: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[TokenShare, ...]: ...
    def __getitem__(self, place: int | slice) -> TokenShare | tuple[TokenShare, ...]:
        return self.shares[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyShares | tuple) and self.shares == tuple(other)

    def __hash__(self) -> int:
        return hash(self.shares)

    def __repr__(self) -> str:
        return repr(self.shares) if "shares" in self.__dict__ else "<tokens that nobody has looked at yet>"

    def __reduce__(self) -> tuple[type[tuple[TokenShare, ...]], tuple[list[TokenShare]]]:
        return tuple, (list(self.shares),)


def _shares(encoded: TokenVectors, other: Float32) -> tuple[TokenShare, ...]:
    """What each token adds to the cosine of the text's mean vector with another vector of length 1."""
    mean = encoded.vectors.mean(axis=0)
    scale = len(encoded.vectors) * float(np.linalg.norm(mean))
    shares = (encoded.vectors @ other / scale).tolist() if scale else []
    return tuple(map(TokenShare, encoded.tokens.tokens, shares))
