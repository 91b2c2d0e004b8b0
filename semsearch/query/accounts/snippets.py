"""The best sentence of each hit, by what the search goes by: meaning, words, or both as they are fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from semsearch.common.arrays import Float32, unit_length
from semsearch.common.documents import Mode, Role, Span
from semsearch.ingest.spans import sentences
from semsearch.lexical.terms import analyzer_of
from semsearch.query.hits import Hits
from semsearch.query.retrieval.fusion import DENSE_WEIGHT, LEXICAL_WEIGHT
from semsearch.query.retrieval.lexical import words_of_question

if TYPE_CHECKING:
    from semsearch.query.search import Context

__all__ = ["find_snippets"]

LONGEST = 10_000
"""Characters of a passage: a passage of the default length has some 600, a document may be a book."""


def find_snippets(context: Context, vector: Float32 | None, hits: Hits) -> Hits:
    """The hits with the span of the sentence that answers best; ``vector`` is the question's, float32[dimension].

    All sentences of passages with several are encoded together. Of a very long passage the beginning is looked at.
    """
    language = context.store.definition.settings.language
    spans = [sentences(hit.text[:LONGEST], language) or [(0, len(hit.text))] for hit in hits]
    several = [place for place, found in enumerate(spans) if len(found) > 1]
    texts = [[hits[place].text[start:end] for start, end in spans[place]] for place in several]
    scores = _score_sentences(context, vector, texts)
    best = {place: int(own.argmax()) for place, own in zip(several, scores, strict=True)}
    return hits.with_hits(
        replace(hit, snippet=_strip(hit.text, spans[place][best.get(place, 0)])) for place, hit in enumerate(hits)
    )


def _strip(text: str, span: Span) -> Span:
    """The span without white space at its ends."""
    start, end = span
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())


def _score_sentences(context: Context, vector: Float32 | None, texts: Sequence[Sequence[str]]) -> list[Float32]:
    """The score of each sentence of each text."""
    mode = context.request.mode
    sums = [np.zeros(len(own), np.float32) for own in texts]
    by_meaning = sums if mode is Mode.LEXICAL or vector is None else _score_meaning(context, vector, texts)
    by_words = sums if mode is Mode.DENSE else _score_words(context, texts)
    return [_fuse(dense, lexical) for dense, lexical in zip(by_meaning, by_words, strict=True)]


def _fuse(dense: Float32, lexical: Float32) -> Float32:
    """As passages are fused: words on the scale of the best dense score."""
    if not lexical.any():
        return dense
    high = abs(float(dense.max())) or 1.0
    fused: Float32 = DENSE_WEIGHT * dense + LEXICAL_WEIGHT * high * lexical / lexical.max()
    return fused


def _score_meaning(context: Context, vector: Float32, texts: Sequence[Sequence[str]]) -> list[Float32]:
    """The cosine of each sentence with the question."""
    flat = [sentence for own in texts for sentence in own]
    if not flat:
        return []
    encoded = context.store.encoder.encode_counted(flat, Role.DOCUMENT).vectors  # a long sentence is no one's fault
    cosines = unit_length(encoded) @ unit_length(vector[None])[0]
    ends = np.cumsum([0, *map(len, texts)])
    return [cosines[start:end] for start, end in pairwise(ends.tolist())]


def _score_words(context: Context, texts: Sequence[Sequence[str]]) -> list[Float32]:
    """The weight of the question's words in each sentence, each word counted once."""
    store = context.store
    terms = words_of_question(store, str(context.request.text), any_word=context.request.mode is Mode.LEXICAL)
    weights = context.snapshot.lexical.weights(terms)
    analyzer = analyzer_of(store.definition.settings.language)
    return [
        np.array([sum(weights.get(term, 0.0) for term in set(analyzer.terms(one)[0])) for one in own], np.float32)
        for own in texts
    ]
