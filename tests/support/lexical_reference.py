"""What a lexical search must find, by looking at every text."""

from __future__ import annotations

from semsearch.lexical.terms import Analyzer

ANALYZER = Analyzer("en")


def check_lexical(collection, query, passages):
    """A lexical search finds those of all ``passages`` (hits of another search) that have a word of the query."""
    wanted = ANALYZER.query_terms(query).keys()
    read = {(hit.document, hit.passage): f"{hit.title or ''} {hit.text}" for hit in passages}
    expected = {place for place, text in read.items() if not wanted.isdisjoint(ANALYZER.terms(text)[0])}
    hits = collection.search(query, k=100_000, mode="lexical")
    assert {(hit.document, hit.passage) for hit in hits} == expected
    assert len(hits) == len(expected)
    everything = collection.search(query, k=100_000, mode="lexical", where="id is not null")
    assert [(hit.document, hit.passage) for hit in everything] == [(hit.document, hit.passage) for hit in hits]
    assert everything.documents == len({document for document, _ in read})
