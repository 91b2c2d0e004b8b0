"""Analogies over the passages of a collection, against brute force over their vectors."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError
from semsearch.index import plan
from semsearch.query import analogy as analogy_module
from semsearch.storage.vectors import index_builder
from tests.support.fake_encoder import FakeEncoder, stored_vectors

WORDS = ["bee", "fly", "wing", "hill", "garden", "the", "over", "sky", "jet", "goose"]
TEXTS = [" ".join(words) for words in itertools.combinations(WORDS, 3)]
DELETED = TEXTS[::7]
LIVE = [text for text in TEXTS if text not in DELETED]
QUESTION = (["bee hill", "jet sky"], ["goose"])
FORMULAS = ("3cosadd", "3cosmul", "pair-direction", "3cosavg")


def made(path, texts=TEXTS, metric="cosine"):
    """A collection of texts, each under itself as its id."""
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="document", metric=metric))
    collection.add([Document(id=text, text=text) for text in texts])
    return collection


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Collections of a metric with the deleted texts deleted, made once, which no test changes."""

    @functools.cache
    def _collected(metric="cosine"):
        collection = made(tmp_path_factory.mktemp("analogies") / metric, metric=metric)
        collection.delete(DELETED)
        return collection

    return _collected


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks for each of several threads, the last one not full."""
    monkeypatch.setattr(analogy_module, "BLOCK", 16)


def unit(vectors):
    """Rows at length one, in float64."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def definition(texts, positive, negative, formula):
    """Scores of texts by the formula's definition in vectors."""
    rows = unit(stored_vectors(texts))
    plus = unit(FakeEncoder().encode(positive))
    minus = unit(FakeEncoder().encode(negative)) if negative else np.zeros((0, rows.shape[1]))
    if formula == "3cosadd":
        return rows @ unit(plus.sum(axis=0) - minus.sum(axis=0))
    if formula == "3cosavg":
        return rows @ unit(plus[-1] + (plus[:-1] - minus).mean(axis=0))
    if formula == "3cosmul":
        similar, other = (((rows @ side.T + 1) / 2).prod(axis=1) for side in (plus, minus))
        return similar / (other + (1e-6 if negative else 0))
    (b, c), (a,) = plus, minus
    return unit(rows - c) @ unit(b - a)


def check(found, texts, question, formula, k):
    """The answers are the k best of the texts, none of which is in the question, each with its score."""
    own = dict(zip(texts, definition(texts, *question, formula), strict=True))
    assert [one.rank for one in found] == [one.hit.rank for one in found] == list(range(1, min(k, len(texts)) + 1))
    assert len({one.hit.document for one in found}) == len(found)
    scores = [one.hit.score for one in found]
    np.testing.assert_allclose(scores, [own[one.hit.text] for one in found], atol=3e-4, rtol=1e-3)
    np.testing.assert_allclose(scores, sorted(own.values(), reverse=True)[: len(found)], atol=3e-4, rtol=1e-3)
    assert [one.hit.parts for one in found] == [{formula: score} for score in scores]


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("k", [1, 10, 500])
def test_every_formula_is_its_definition(collected, metric, formula, k):
    """Passages and scores are those of brute force over the live vectors, in cosines whatever the metric."""
    check(collected(metric).analogy(*QUESTION, k, formula), LIVE, QUESTION, formula, k)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(WORDS[:6]), min_size=1, max_size=4),
    st.lists(st.sampled_from(WORDS[6:]), max_size=3),
    st.integers(1, 120),
    st.sampled_from(["3cosadd", "3cosmul"]),
)
def test_any_number_of_positives_and_negatives(collected, positive, negative, k, formula):
    """The k best of all live passages come back for any texts on both sides."""
    check(collected().analogy(positive, negative, k, formula), LIVE, (positive, negative), formula, k)


def test_pairs_are_averaged(collected):
    """3CosAvg adds the mean offset of several pairs to the last positive."""
    question = (["bee", "fly", "the hill"], ["sky", "jet"])
    check(collected().analogy(*question, 7, "3cosavg"), LIVE, question, "3cosavg", 7)


@pytest.mark.parametrize("formula", ["3cosadd", "3cosmul"])
def test_texts_of_the_question_have_no_rank(tmp_path, formula):
    """However many passages have such a text, k others are found, and all are counted by the hits' ranks."""
    copies = [Document(id=f"copy {number}", text=" bee\n") for number in range(40)]
    collection = made(tmp_path / "copies", TEXTS[:30])
    collection.add(copies)
    found = collection.analogy(["bee"], [], 5, formula)
    assert [one.hit.rank for one in found] == list(range(1, 46))
    assert [one.rank for one in found] == [None] * 40 + [1, 2, 3, 4, 5]
    assert {one.hit.document for one in found[:40]} == {copy.id for copy in copies}
    truth = np.sort(definition(TEXTS[:30], ["bee"], [], formula))[::-1][:5]
    np.testing.assert_allclose([one.hit.score for one in found[40:]], truth, atol=3e-4)


def test_passages_that_are_the_question_and_nothing_else(tmp_path):
    """Where nothing but the question's texts is stored, they are shown, without a rank."""
    collection = made(tmp_path / "few", ["bee", "fly"])
    found = collection.analogy(["bee", "fly"], k=1)
    assert [(one.rank, one.hit.rank) for one in found] == [(None, 1), (None, 2)]


@pytest.mark.parametrize("formula", FORMULAS)
def test_an_empty_collection_has_no_answers(tmp_path, formula):
    """Nothing is found in nothing."""
    assert made(tmp_path / "empty", []).analogy(*QUESTION, 3, formula) == []


@pytest.mark.parametrize("formula", ["3cosadd", "3cosavg"])
def test_sums_are_asked_of_the_index(tmp_path, monkeypatch, formula):
    """3CosAdd and 3CosAvg find what a search for their one vector finds, through the index and behind it."""
    monkeypatch.setattr(plan, "EXACT_MS", 0.0)
    monkeypatch.setattr(plan, "LISTS", 1)
    monkeypatch.setattr(index_builder, "TAIL_ROWS", 40)
    collection = made(tmp_path / "indexed", TEXTS[:100])
    collection.add(TEXTS[100:])
    assert (collection.status().indexed, collection.status().tail) == (100, len(TEXTS) - 100)
    b, c, a = unit(FakeEncoder().encode([*QUESTION[0], *QUESTION[1]]))
    monkeypatch.setattr(analogy_module, "_scan", None)
    found = [(one.hit.text, one.hit.score) for one in collection.analogy(*QUESTION, 9, formula)]
    (expected,) = collection.search_vectors(b + c - a, 9)
    assert [text for text, _ in found] == [hit.text for hit in expected]
    assert [score for _, score in found] == pytest.approx([hit.score for hit in expected], abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([], ["bee"]), ["at least one positive"]),
        ((["bee", " "], ["fly"]), ["query is empty"]),
        (("bee", ["fly"]), ["'bee'", "put it in a list"]),
        ((["bee"], "fly"), ["'fly'", "put it in a list"]),
        ((["bee", "fly"], ["jet"], 0), ["k is 0"]),
        ((["bee", "fly"], ["jet"], 3, "4cosadd"), ["'4cosadd'", "3cosadd, 3cosmul"]),
        ((["bee", "fly"], [], 3, "pair-direction"), ["pair-direction takes one analogy"]),
        ((["bee"], [], 3, "3cosavg"), ["3cosavg takes pairs"]),
        ((["bee", "fly"], ["fly", "bee"]), ["cancel each other out"]),
        ((["bee", "jet"], ["bee"], 3, "pair-direction"), ["A and B have the same vector"]),
    ],
)
def test_questions_without_an_answer(collected, arguments, named):
    """The message says what is wrong with the question, and what else to ask."""
    with pytest.raises(QueryError) as caught:
        collected().analogy(*arguments)
    for part in named:
        assert part in str(caught.value)
