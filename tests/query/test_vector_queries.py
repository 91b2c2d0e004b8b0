"""Many queries at once, queries that are vectors, and all passages that reach a score."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError
from semsearch.index import plan
from semsearch.storage.vectors import index_builder
from tests.support.fake_encoder import FakeEncoder, cosines

WORDS = ["bee", "fly", "wing", "hill", "garden", "the", "over", "sky"]
TEXTS = list(dict.fromkeys(f"{a} {b} {c}" for a in WORDS for b in WORDS for c in ("one", "two")))
QUERIES = ["bee wing", "the garden", "sky", "over the hill", "fly one", "two"]
METRICS = ("cosine", "dot", "l2")


def collected(path, kind, metric):
    """A collection of the texts, small enough to need no index, or with one and a tail."""
    with pytest.MonkeyPatch.context() as patch:
        if kind == "indexed":
            patch.setattr(plan, "EXACT_MS", 0.0)
            patch.setattr(plan, "LISTS", 1)
            patch.setattr(index_builder, "TAIL_ROWS", 40)
        collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="document", metric=metric))
        for part in (TEXTS[:100], TEXTS[100:]):
            collection.add(Document(id=text, text=text) for text in part)
    assert (collection.status().indexed, collection.status().tail) == ((0, 128) if kind == "exact" else (100, 28))
    return collection


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Collections that are made once."""
    folder = tmp_path_factory.mktemp("vectors")
    return functools.cache(lambda kind, metric: collected(folder / f"{kind} {metric}", kind, metric))


@pytest.fixture(params=["exact", "indexed"])
def kind(request):
    """Without an index or with one."""
    return request.param


@pytest.fixture
def make(made, kind):
    """A collection of a metric, which tests leave as it is."""
    return lambda metric="cosine": made(kind, metric)


@pytest.fixture
def texts(make):
    """A collection compared by cosine."""
    return make()


def vectors(texts):
    """What the encoder makes of texts."""
    return FakeEncoder().encode(texts)


def truth(metric, query, texts):
    """Scores of all texts for a query vector."""
    query = np.asarray(query, np.float64)
    rows = vectors(texts).astype(np.float64)
    if metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        query = query / np.linalg.norm(query)
    rows = rows.astype(np.float16).astype(np.float64)
    return -np.linalg.norm(rows - query, axis=1) if metric == "l2" else rows @ query


def plain(hits):
    """What matters of hits."""
    return [(hit.rank, hit.document, hit.text, round(hit.score, 4)) for hit in hits]


def check(hits, metric, query, k, texts=TEXTS):
    """Hits are the k best of all texts."""
    scores = truth(metric, query, texts)
    assert len(hits) == min(k, len(texts))
    assert len({hit.document for hit in hits}) == len(hits)
    own = dict(zip(texts, scores, strict=True))
    np.testing.assert_allclose([hit.score for hit in hits], [own[hit.text] for hit in hits], atol=2e-5, rtol=1e-5)
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(scores)[::-1][:k], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 10, 500])
def test_many_searches_are_the_same_as_one_after_the_other(make, metric, k):
    """Each text has its own hits, in the order of the texts, repeats included."""
    collection = make(metric)
    asked = [*QUERIES, QUERIES[0]]
    for exact in (False, True):
        together = collection.search_many(asked, k, exact=exact, mode="dense")
        alone = [collection.search(query, k, exact=exact, mode="dense") for query in asked]
        assert [[hit.score for hit in hits] for hits in together] == [
            pytest.approx([hit.score for hit in hits], abs=2e-5) for hits in alone
        ]
        for query, hits in zip(asked, together, strict=True):
            assert len(hits) == min(k, len(TEXTS))
            if exact:
                check(hits, metric, vectors([query])[0], k)


def test_no_searches_at_all(texts):
    """An empty list has an empty answer."""
    assert texts.search_many([], mode="dense") == []


@pytest.mark.parametrize("wrong", [["bee", ""], ["bee", " \n"], [None], ["bee", 7]])
def test_an_empty_query_among_many_is_refused(texts, wrong):
    """No query is passed over."""
    with pytest.raises(QueryError, match=r"query is empty|give strings"):
        texts.search_many(wrong, mode="dense")


def test_a_single_text_is_not_taken_for_many(texts):
    """A string is iterable too, but its letters are not what was meant."""
    with pytest.raises(QueryError, match="list"):
        texts.search_many("bee", mode="dense")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "change",
    [
        lambda found: found,
        lambda found: found.astype(np.float64),
        lambda found: np.asfortranarray(found),
        lambda found: np.repeat(found, 2, axis=0)[::2],
        lambda found: found.tolist(),
        lambda found: [tuple(row) for row in found.tolist()],
        lambda found: found.astype(">f4"),
    ],
)
def test_vectors_of_any_layout(make, metric, change):
    """Numbers in a matrix or in lists, of either precision and any order in memory, find the same."""
    collection = make(metric)
    asked = vectors(QUERIES) * 2
    answers = collection.search_vectors(change(asked), 7, exact=True)
    assert len(answers) == len(QUERIES)
    for query, hits in zip(asked, answers, strict=True):
        check(hits, metric, query, 7)
    assert [len(hits) for hits in collection.search_vectors(change(asked), 7)] == [7] * len(QUERIES)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, int])
def test_small_numbers_of_other_types(make, dtype):
    """Whole numbers and half precision are numbers too."""
    collection = make("dot")
    query = np.arange(16).astype(dtype)
    check(collection.search_vectors(query, 5, exact=True)[0], "dot", np.arange(16.0), 5)


def test_one_vector_alone(texts):
    """numbers[d] has one answer, and so has numbers[1, d]; a matrix without rows has none."""
    query = vectors(["bee wing"])
    assert plain(texts.search_vectors(query[0], 5)[0]) == plain(texts.search_vectors(query, 5)[0])
    check(texts.search_vectors(query[0].tolist(), 5, exact=True)[0], "cosine", query[0], 5)
    assert texts.search_vectors(np.empty((0, 16)), 5) == []


@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e-10, 1e10, 1e30, 3e38])
def test_the_length_of_a_vector_does_not_matter_to_the_cosine(texts, size):
    """Very short and very long vectors, whose squares float32 has not, have the hits of their direction."""
    query = np.eye(16)[3] + np.eye(16)[5] * (0 if size < 1e-40 else 0.5)
    asked = (query * size).astype(np.float32)
    check(texts.search_vectors(asked, 5, exact=True)[0], "cosine", query, 5)


@pytest.mark.parametrize("metric", ["dot", "l2"])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_beyond_what_scores_can_be_are_refused_or_answered(make, metric, sign):
    """A query whose scores overflow is refused clearly, or has k hits; it is no damage of the collection."""
    collection = make(metric)
    query = np.full(16, 3e38) * sign * np.where(np.arange(16) % 2, 1, -1)
    for exact in (False, True):
        try:
            hits = collection.search_vectors(query, 5, exact=exact)[0]
        except QueryError:
            continue
        assert len(hits) == 5
        assert all(np.isfinite(hit.score) for hit in hits)


def bad(value):
    """A good vector with one wrong number."""
    found = np.ones(16)
    found[7] = value
    return found


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (bad(np.nan), "vector 0 holds NaN"),
        (bad(np.inf), "vector 0 holds NaN, infinity"),
        (bad(-np.inf), "vector 0 holds NaN, infinity"),
        (bad(1e39), "beyond float32"),
        ([np.ones(16), bad(np.nan)], "vector 1 holds NaN"),
        (np.ones(15), r"shape \(15,\).*16 numbers"),
        (np.ones((3, 17)), r"shape \(3, 17\).*16 numbers"),
        (np.ones((1, 1, 16)), r"shape \(1, 1, 16\).*16 numbers"),
        (np.ones(()), r"shape \(\).*16 numbers"),
        (7, r"shape \(\).*16 numbers"),
        ([], r"shape \(0,\).*16 numbers"),
        (np.empty((2, 0)), r"shape \(2, 0\).*16 numbers"),
        ("bee", "not real numbers"),
        (["bee"] * 16, "not real numbers"),
        ([b"bee"] * 16, "not real numbers"),
        ([None] * 16, "not real numbers"),
        ([object()] * 16, "not real numbers"),
        (np.ones(16, bool), "not real numbers"),
        (np.ones(16) * 1j, "not real numbers"),
        (np.zeros(16, "datetime64[s]"), "not real numbers"),
        ({"a": 1}, "not real numbers"),
        (None, "not real numbers"),
        ([[1.0] * 16, [1.0] * 15], "not of equal length"),
        ([[1.0] * 16, 3.0], "not of equal length"),
    ],
)
def test_what_is_no_query_vector_is_refused(texts, wrong, told):
    """The message says which vector and what is wrong with it."""
    with pytest.raises(QueryError, match=told) as caught:
        texts.search_vectors(wrong)
    assert "\n" not in str(caught.value)


def test_zeros_have_no_direction(make):
    """The cosine refuses a vector of zeros, also among others; the other metrics have an answer."""
    collection = make()
    for wrong in (np.zeros(16), [np.ones(16), np.zeros(16)], np.zeros(16, int)):
        with pytest.raises(QueryError, match="all zeros"):
            collection.search_vectors(wrong)
    for metric in ("dot", "l2"):
        check(make(metric).search_vectors(np.zeros(16), 200, exact=True)[0], metric, np.zeros(16), 200)


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None, True])
def test_a_number_of_hits_that_makes_no_sense_is_refused(texts, k):
    """The value is quoted."""
    for ask in (lambda: texts.search_many(["bee"], k, mode="dense"), lambda: texts.search_vectors(np.ones(16), k)):
        with pytest.raises(QueryError, match="ask for at least 1") as caught:
            ask()
        assert repr(k) in str(caught.value)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("query", QUERIES[:3])
def test_all_passages_that_reach_a_score(make, metric, query):
    """Everything of that score or more is there, best first, and nothing else."""
    collection = make(metric)
    scores = truth(metric, vectors([query])[0], TEXTS)
    ordered = np.sort(scores)
    gaps = np.flatnonzero(np.diff(ordered) > 1e-3)  # many texts have the same words, and so the same score
    between = [ordered[place : place + 2].mean() for place in (gaps[len(gaps) // 3], gaps[-4])]
    for least in (ordered[0] - 1, *between, ordered[-1] + 1):
        hits = collection.within(query, float(least))
        expected = {text for text, score in zip(TEXTS, scores, strict=True) if score >= least}
        assert {hit.document for hit in hits} == expected
        assert len(hits) == len(expected)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        if hits:
            check(hits, metric, vectors([query])[0], len(hits))


@pytest.mark.parametrize("metric", METRICS)
def test_a_hit_reaches_its_own_score(make, metric):
    """Asking for all passages of a hit's score or more gives that hit again, whatever its last digit."""
    collection = make(metric)
    hits = collection.search("bee wing", 60, exact=True, mode="dense")
    missed = [
        hit.document
        for hit in hits
        if hit.document not in {other.document for other in collection.within("bee wing", hit.score)}
    ]
    assert missed == []


def test_deleted_passages_reach_no_score(tmp_path, kind):
    """What is gone is not found by its score, nor by a vector."""
    texts = collected(tmp_path / "texts", kind, "cosine")
    gone = TEXTS[::3]
    texts.delete(gone)
    left = [text for text in TEXTS if text not in gone]
    assert {hit.document for hit in texts.within("bee wing", -1.0)} == set(left)
    check(texts.search_vectors(vectors(["bee wing"]), 500)[0], "cosine", vectors(["bee wing"])[0], 500, left)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), "0.5", None])
def test_a_score_that_is_none_is_refused(texts, score):
    """Only a finite number can be reached."""
    with pytest.raises(QueryError, match="no score to reach"):
        texts.within("bee", score)


@pytest.mark.parametrize("score", [1, np.float32(0.5), np.float64(0.5), np.int64(-1)])
def test_a_score_may_be_any_kind_of_number(texts, score):
    """Whole numbers and NumPy's own are numbers."""
    expected = sum(one >= float(score) for one in cosines("bee", TEXTS))
    assert len(texts.within("bee", score)) == expected
