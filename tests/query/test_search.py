"""Requests of any kind, alone and together, against vectors compared one by one."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError, SemsearchError
from semsearch.query.request import SearchRequest
from semsearch.query.search import answer, answer_many
from tests.support.fake_encoder import FakeEncoder, cosines

TEXTS = {f"d{n}": [f"bee {n} {m}" if m else f"wing {n % 3}" for m in range(1 + n % 4)] for n in range(30)}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Thirty documents of one to four lines, some of which are equal."""
    path = tmp_path_factory.mktemp("search") / "notes"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="line"))
    collection.add(Document("\n".join(lines), id=name) for name, lines in TEXTS.items())
    return collection._store


def expected(query, k=None, least=-2.0, per_document=False):
    """Documents and scores by comparing all lines, best first."""
    lines = [(name, line) for name, own in TEXTS.items() for line in own]
    scored = sorted(
        zip(cosines(query, [line for _, line in lines]), [name for name, _ in lines], strict=True),
        key=lambda pair: -pair[0],
    )
    scored = [(name, score) for score, name in scored if score >= least]
    if per_document:
        scored = list({name: (name, score) for name, score in reversed(scored)}.values())
        scored.sort(key=lambda pair: -pair[1])
    return scored[:k]


REQUESTS = st.builds(
    SearchRequest,
    text=st.sampled_from(["bee 3 1", "wing 1", "far away"]),
    k=st.integers(1, 80),
    min_score=st.sampled_from([None, -0.5, 0.2, 0.9]),
    exact=st.booleans(),
    per_document=st.booleans(),
    mode=st.just("dense"),
)


@given(requests=st.lists(REQUESTS, min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_requests_together_are_answered_as_alone(store, requests):
    """In their order, each as if it were the only one, with the scores of a comparison with everything."""
    together = answer_many(store, requests)
    for request, hits in zip(requests, together, strict=True):
        assert hits == answer(store, request)
        least = -2.0 if request.min_score is None else request.min_score + 1e-6
        scores = [score for _, score in expected(request.text, request.k, least, request.per_document)]
        assert [hit.score for hit in hits][: len(scores)] == pytest.approx(scores, abs=1e-3)
        assert len(hits) >= len(scores)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        if request.per_document:
            assert len({hit.document for hit in hits}) == len(hits)


def test_a_vector_a_text_and_a_document_can_be_asked_for_together(store):
    """Requests of different kinds in one call."""
    vector = store.encoder.encode(["wing 1"])[0]
    by_text, by_vector, alike = answer_many(
        store,
        [
            SearchRequest("wing 1", mode="dense"),
            SearchRequest(vector=vector),
            SearchRequest(similar="d1", per_document=True, k=3),
        ],
    )
    assert [hit.score for hit in by_text] == pytest.approx([hit.score for hit in by_vector], abs=1e-6)
    assert len(alike) == 3
    assert "d1" not in {hit.document for hit in alike}


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({}, "query is empty"),
        ({"text": " "}, "query is empty"),
        ({"text": ["x"]}, "search_many"),
        ({"text": b"x"}, "give a string"),
        ({"text": "bee", "similar": "d1"}, "one of text, vector and similar"),
        ({"text": "bee", "k": 0}, "at least 1"),
        ({"text": "bee", "k": None}, "at least 1"),
        ({"text": "bee", "min_score": "high"}, "no score to reach"),
        ({"text": "bee", "min_score": True}, "no score to reach"),
    ],
)
def test_a_request_that_makes_no_sense_cannot_be_made(given, match):
    """It is refused when it is made, before anything is opened or encoded."""
    with pytest.raises(QueryError, match=match):
        SearchRequest(**given)


def test_numpys_integers_are_numbers_of_hits(store):
    """``k`` may come from an array."""
    assert len(answer(store, SearchRequest("bee", k=np.int64(2)))) == 2


NO_STRINGS = (None, 5, 3.5, float("nan"), True, b"x", {}, {"a": 1}, [], [1], [None])


@pytest.mark.parametrize("value", NO_STRINGS, ids=repr)
@pytest.mark.parametrize(
    "ask",
    [
        "similar",
        "search",
        "search_many",
        "search_vectors",
        "analogy",
        "contexts",
        "senses",
        "delete",
        "add",
    ],
)
def test_what_is_no_question_is_refused_in_our_own_words(tmp_path, ask, value):
    """Values of any type are an error of this program's, or nothing to do; never another exception."""
    with Collection.create(tmp_path / "one", FakeEncoder()) as collection:
        collection.add(["a bee", "a jet"])
        with suppress(SemsearchError):
            getattr(collection, ask)(value)
        assert len(collection.search("bee", mode="dense")) == 2


def test_texts_may_come_from_any_iterable(tmp_path, encoder):
    """A generator is as good as a list, wherever several texts are taken."""
    with Collection.create(tmp_path / "one", encoder) as collection:
        collection.add(text for text in ("a bee", "a jet"))
        assert len(collection.search_many((text for text in ("bee", "jet")), mode="dense")) == 2
        np.testing.assert_array_equal(encoder.encode(text for text in ("bee", "jet")), encoder.encode(["bee", "jet"]))
