"""Outliers, beside two loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document
from semsearch.analysis import outliers as module
from semsearch.analysis.outliers import NEIGHBOURS, find_outliers
from semsearch.common.errors import QueryError
from tests.support.fake_encoder import FakeEncoder


def _scores(vectors, groups):
    """The mean cosine of each with its nearest of other groups."""
    units = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    scores = []
    for one, unit in enumerate(units):
        others = [unit @ units[other] for other in range(len(units)) if groups[other] != groups[one]]
        nearest = sorted(others, reverse=True)[:NEIGHBOURS]
        scores.append(np.mean(nearest) if nearest else np.nan)
    return np.array(scores)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(0, 1000), st.integers(2, 9), st.integers(1, 12), st.integers(1, 9))
def test_the_farthest_are_found_whatever_the_blocks(count, seed, block, documents, wanted):
    """The same as by comparing each with each of other groups."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 4)).astype(np.float32)
    groups = np.sort(rng.integers(documents, size=count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        found = find_outliers(lambda places: vectors[places], groups, wanted)
    scores = _scores(vectors, groups)
    comparable = scores[~np.isnan(scores)]
    assert len(found.places) == min(wanted, len(comparable))
    np.testing.assert_allclose(found.cosines, scores[found.places], atol=1e-5)
    np.testing.assert_allclose(found.cosines, np.sort(comparable)[:wanted], atol=1e-5)


def test_of_many_rows_a_sample_tells_which_to_compare(monkeypatch):
    """Three vectors that are far from all are found among 600, of which 100 are the sample, with exact scores."""
    monkeypatch.setattr(module, "EXACT", 100)
    monkeypatch.setattr(module, "CANDIDATES", 50)
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((600, 16)) + 6 * np.eye(16)[rng.integers(0, 8, 600)]).astype(np.float32)
    far = [17, 300, 599]
    vectors[far] = -8 * np.eye(16)[[12, 13, 14]]
    found = find_outliers(lambda places: vectors[places], np.arange(600), 3)
    assert sorted(found.places.tolist()) == far
    np.testing.assert_allclose(found.cosines, _scores(vectors, np.arange(600))[found.places], atol=1e-5)


def test_passages_of_a_document_do_not_hide_each_other(tmp_path):
    """A recipe of several passages that are alike is an outlier among notes about bees; a filter narrows the view."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder(32), CollectionSettings(unit="line"))
    words = ["bee", "honey", "nectar", "hive"]
    rng = np.random.default_rng(0)
    collection.add(
        Document(f"{' '.join(rng.choice(words, 5))}", f"bee-{number}", metadata={"n": number}) for number in range(30)
    )
    collection.add([Document("soup basil soup\nsoup basil\nbasil soup soup", "soup", metadata={"n": 99})])
    outliers = collection.outliers(3)
    assert [hit.document for hit in outliers] == ["soup"] * 3
    assert [hit.score for hit in outliers] == sorted(hit.score for hit in outliers)
    assert (outliers.total, outliers.documents) == (33, 31)
    assert "soup" not in [hit.document for hit in collection.outliers(30, where="n < 50")]


def test_what_is_alone_has_no_neighbour(tmp_path):
    """An empty collection has no outliers, nor has a single document: there is nothing that it could be far from."""
    collection = Collection.create(tmp_path / "one", FakeEncoder(), CollectionSettings(unit="document"))
    assert list(collection.outliers()) == []
    collection.add(["a bee"])
    assert list(collection.outliers()) == []
    with pytest.raises(QueryError):
        collection.outliers(0)
