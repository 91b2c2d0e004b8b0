"""Pairs and groups of near-duplicates, beside two loops and networks drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document
from semsearch.analysis import duplicates as module
from semsearch.analysis.duplicates import find_pairs, join_pairs
from semsearch.common.errors import QueryError
from tests.support.fake_encoder import FakeEncoder, stored_vectors


def _pairs_of(vectors, least):
    units = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return {
        (one, other): units[one] @ units[other]
        for one in range(len(units))
        for other in range(one + 1, len(units))
        if units[one] @ units[other] >= least
    }


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(0, 1000), st.integers(1, 9), st.floats(-0.9, 0.95))
def test_every_pair_is_found_whatever_the_blocks(count, seed, block, least):
    """The same pairs and cosines as by comparing each with each, the nearest first."""
    vectors = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        pairs = find_pairs(lambda start, end: vectors[start:end], count, least)
    expected = _pairs_of(vectors, least) if count else {}
    found = dict(zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.cosines, strict=True))
    doubtful = {pair for pair, cosine in expected.items() if abs(cosine - least) < 1e-5}
    assert found.keys() - doubtful == expected.keys() - doubtful
    assert all(found[pair] == pytest.approx(expected[pair], abs=1e-5) for pair in found.keys() & expected.keys())
    assert pairs.cosines.tolist() == sorted(pairs.cosines.tolist(), reverse=True)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 30), st.data())
def test_groups_are_connected_components(count, data):
    """Two places are in one group if a way of pairs leads from one to the other."""
    place = st.integers(0, count - 1)
    edges = data.draw(st.lists(st.tuples(place, place).filter(lambda pair: pair[0] < pair[1]), max_size=40))
    first, second = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    groups = join_pairs(module.Pairs(first, second, np.ones(len(edges), np.float32)), count)
    reach = np.eye(count, dtype=bool)
    reach[first, second] = reach[second, first] = True
    for _ in range(count):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    expected = {tuple(np.flatnonzero(row).tolist()) for row in reach if row.sum() > 1}
    assert {tuple(group.tolist()) for group in groups} == expected
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)


def test_a_threshold_that_is_too_low_is_an_error(monkeypatch):
    """Millions of pairs are refused before they fill the memory."""
    monkeypatch.setattr(module, "MOST_PAIRS", 100)
    with pytest.raises(QueryError, match="more than 100 pairs"):
        find_pairs(lambda start, end: np.ones((end - start, 3), np.float32), 50, 0.5)


TEXTS = ["bee wing", "wing bee", "bee wing", "jet engine fuel", "engine jet fuel", "goose", "hill cloud"]


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Two groups of texts that have the same words, and two texts by themselves; one document repeats a line."""
    path = tmp_path_factory.mktemp("duplicates") / "copies"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="line"))
    collection.add(Document(text, id=f"d{n}", metadata={"n": n}) for n, text in enumerate(TEXTS))
    collection.add([Document("sky blue\nblue sky", id="twice"), Document("gone", id="gone"), Document("gone", id="g2")])
    collection.delete(["gone"])
    return collection


def test_groups_of_a_collection(copies):
    """The largest group first, with its pairs; passages of one document, and deleted ones, are no duplicates."""
    groups = copies.duplicates(0.99)
    assert [[hit.document for hit in group.hits] for group in groups] == [["d0", "d1", "d2"], ["d3", "d4"]]
    vectors = stored_vectors(TEXTS[:3])
    assert {pair[:2] for pair in groups[0].pairs} == {(1, 2), (1, 3), (2, 3)}
    for one, other, cosine in groups[0].pairs:
        assert cosine == pytest.approx(vectors[one - 1] @ vectors[other - 1], abs=1e-3)
    assert all(hit.score >= 0.99 for group in groups for hit in group.hits)


def test_a_filter_narrows_what_is_compared(copies):
    """Only documents that fulfil it can be duplicates of each other."""
    groups = copies.duplicates(0.99, where="n in (1, 2, 3)")
    assert [[hit.document for hit in group.hits] for group in groups] == [["d1", "d2"]]


def test_nothing_is_near(copies, tmp_path):
    """No pair, one document, an empty collection: no groups."""
    assert copies.duplicates(1.0, where="n in (3, 5)") == []
    empty = Collection.create(tmp_path / "empty", FakeEncoder())
    assert empty.duplicates() == []


@pytest.mark.parametrize("score", [0, 1.5, float("nan"), "x"])
def test_what_is_no_cosine_is_refused(copies, score):
    """The message says what to give."""
    with pytest.raises(QueryError, match="give a number"):
        copies.duplicates(score)
