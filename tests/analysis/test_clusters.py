"""Clusters, beside those that vectors were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from semsearch import Collection, CollectionSettings, Document
from semsearch.analysis import clusters as module
from semsearch.analysis.clusters import find_clusters
from semsearch.common.errors import QueryError
from tests.support.fake_encoder import FakeEncoder

TOPICS = {
    "bees": ["bee", "honey", "nectar", "hive", "wings"],
    "jets": ["jet", "kerosene", "engine", "runway", "turbine"],
    "soup": ["soup", "basil", "tomato", "pepper", "garlic"],
}


def _planted(sizes, dimension=24):
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((len(sizes), dimension)) * 3
    labels = np.repeat(np.arange(len(sizes)), sizes)
    vectors = (centres[labels] + rng.standard_normal((len(labels), dimension))) * rng.uniform(1, 9, (len(labels), 1))
    order = rng.permutation(len(labels))
    return vectors[order].astype(np.float32), labels[order]


def _find(vectors, wanted):
    return find_clusters(lambda start, end: vectors[start:end], len(vectors), wanted)


@pytest.mark.parametrize("sample", [20_000, 90])
def test_what_was_drawn_together_is_found_together(monkeypatch, sample):
    """Five clouds of different sizes and lengths are the clusters, the largest first, also by a sample in blocks."""
    monkeypatch.setattr(module, "SAMPLE", sample)
    monkeypatch.setattr(module, "BLOCK", 64)
    vectors, labels = _planted([200, 120, 80, 50, 30])
    found = _find(vectors, 5)
    assert adjusted_rand_score(labels, found.labels) == 1
    assert np.bincount(found.labels).tolist() == [200, 120, 80, 50, 30]
    assert np.array_equal(_find(vectors, 5).labels, found.labels)


def test_the_cosine_is_that_with_the_mean_direction():
    """It is what it is by its definition."""
    vectors, _ = _planted([40, 30])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = _find(vectors, 2)
    for label in (0, 1):
        mean = units[found.labels == label].mean(axis=0)
        expected = units[found.labels == label] @ (mean / np.linalg.norm(mean))
        np.testing.assert_allclose(found.cosines[found.labels == label], expected, atol=1e-5)


@pytest.mark.parametrize(("vectors", "wanted", "clusters"), [(np.ones((7, 3)), 4, 1), (np.eye(3), 9, 3)])
def test_there_are_no_more_clusters_than_different_vectors(vectors, wanted, clusters):
    """Equal vectors are one cluster, however many are wanted."""
    assert len(np.unique(_find(vectors.astype(np.float32), wanted).labels)) == clusters


@pytest.fixture(scope="module")
def topics(tmp_path_factory):
    """Texts about three topics, of different lengths, with a word that is everywhere."""
    collection = Collection.create(
        tmp_path_factory.mktemp("clusters") / "topics", FakeEncoder(32), CollectionSettings(unit="document")
    )
    rng = np.random.default_rng(0)
    for number, (topic, words) in enumerate(TOPICS.items(), start=1):
        collection.add(
            Document(
                f"the {' '.join(rng.choice(words, 8))} and Everywhere {index}",
                f"{topic}-{index}",
                metadata={"n": index},
            )
            for index in range(20 * number)
        )
    return collection


def test_a_cluster_has_its_words_and_its_central_passages(topics):
    """The topics are the clusters, each named by its own words and not by what is everywhere, with hits of its own."""
    clusters = topics.clusters(3, k=2)
    assert [cluster.size for cluster in clusters] == [60, 40, 20]
    assert [cluster.number for cluster in clusters] == [1, 2, 3]
    for cluster, topic in zip(clusters, ["soup", "jets", "bees"], strict=True):
        assert set(cluster.words) == set(TOPICS[topic])
        assert [hit.document.split("-")[0] for hit in cluster.hits] == [topic] * 2
        assert cluster.hits[0].score >= cluster.hits[1].score > cluster.cohesion
    assert len(topics.clusters()) == 5  # half the square root of 120
    assert [cluster.size for cluster in topics.clusters(3, where="n < 10")] == [10, 10, 10]


def test_words_are_spelled_as_they_are_written(tmp_path):
    """A stem is named by its most frequent form; what has no spaces, by its pairs of characters."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder(32), CollectionSettings(unit="document"))
    collection.add([f"houses housing houses {number}" for number in range(9)])
    collection.add([f"北京大学 {number}" for number in range(8)])
    first, second = collection.clusters(2)
    assert first.words == ("houses",)
    assert set(second.words) == {"北京", "京大", "大学"}


def test_an_empty_collection_has_no_clusters(tmp_path):
    """Nothing is no cluster, one passage is one, and a number that is none is refused."""
    collection = Collection.create(tmp_path / "none", FakeEncoder(), CollectionSettings(unit="document"))
    assert collection.clusters() == []
    collection.add(["a bee"])
    assert [cluster.size for cluster in collection.clusters()] == [1]
    assert collection.clusters()[0].words == ("bee",)
    for count in (0, -1, "3", True):
        with pytest.raises(QueryError, match="no number of clusters"):
            collection.clusters(count)


def test_there_are_twenty_clusters_at_most(tmp_path):
    """Unless more are asked for."""
    collection = Collection.create(tmp_path / "many", FakeEncoder(64), CollectionSettings(unit="document"))
    collection.add([f"word{n} other{n % 97}" for n in range(2000)])
    assert len(collection.clusters()) == 20
    assert len(collection.clusters(25)) == 25
