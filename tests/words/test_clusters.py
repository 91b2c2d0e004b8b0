"""Groups of vectors and the words that are typical for them, compared with SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from scipy.stats import chi2_contingency
from sklearn.metrics import adjusted_rand_score, silhouette_score

from semsearch.words.contexts import clusters
from semsearch.words.contexts.clusters import group_vectors
from semsearch.words.contexts.typical import typical_words


def random_vectors(seed, count, dimension=8):
    """Vectors of length one without any order."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def gathered(seed, sizes, spread=0.1, dimension=16):
    """Vectors around as many directions as there are sizes, and which direction each has."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    noise = np.random.default_rng(seed).standard_normal((len(labels), dimension)) * spread
    return (np.eye(dimension)[labels] + noise).astype(np.float32), labels


@given(st.integers(0, 1000), st.integers(3, 40))
@settings(max_examples=40, deadline=None)
def test_merges_are_scipys(seed, count):
    """Average linkage, cut anywhere, gives the groups and the heights that SciPy gives."""
    vectors = random_vectors(seed, count)
    tree = linkage(pdist(vectors, "cosine"), "average")
    merges = clusters._average_linkage(squareform(pdist(vectors, "cosine")))
    np.testing.assert_allclose([height for height, _, _ in merges], tree[:, 2], atol=1e-9)
    for wanted in range(2, min(count, 9)):
        ours = clusters._cut(merges, count, wanted)
        assert adjusted_rand_score(ours, fcluster(tree, wanted, "maxclust")) == 1


@given(st.integers(0, 1000), st.integers(4, 40), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_silhouettes_are_scikit_learns(seed, count, kinds):
    """For any labels, a group of one included."""
    vectors = random_vectors(seed, count)
    labels = np.random.default_rng(seed).integers(0, kinds, count)
    labels[:kinds] = range(kinds)
    expected = silhouette_score(vectors, labels, metric="cosine") if kinds < count else 0
    distances = squareform(pdist(vectors, "cosine"))
    assert clusters._silhouette(distances, labels) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("sizes", [(7, 5), (4, 9, 6), (3, 3, 3, 3, 3)])
def test_groups_are_found_and_counted(sizes):
    """As many as there are, the largest first."""
    vectors, labels = gathered(0, sizes)
    found = group_vectors(vectors)
    assert adjusted_rand_score(found, labels) == 1
    assert np.bincount(found).tolist() == sorted(sizes, reverse=True)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_what_has_no_groups_is_one(count):
    """Noise around one direction, one vector, and one vector many times."""
    noise = random_vectors(0, count, 128)
    assert not group_vectors(noise).any()
    assert not group_vectors(np.repeat(noise[:1], count, axis=0)).any()


def test_groups_depend_on_nothing_but_the_vectors():
    """Turned around, they come out the same, member for member."""
    vectors, _ = gathered(1, (5, 8), spread=0.3)
    assert group_vectors(vectors)[::-1].tolist() == group_vectors(vectors[::-1].copy()).tolist()


def test_typical_words_are_those_with_the_largest_ratio():
    """In the order of the G statistic of each word's table, and only words more frequent inside than outside."""
    generator = np.random.default_rng(0)
    rates = {"river": (0.9, 0.1), "money": (0.1, 0.8), "the": (0.9, 0.9), "water": (0.5, 0.2), "bank": (1, 0.5)}
    sides = [[{word for word in rates if generator.random() < rates[word][side]} for _ in range(60)] for side in (0, 1)]
    inside, outside = sides[0][:40], sides[0][40:] + sides[1]

    def ratio(word):
        table = [
            [sum((word in text) is there for text in part) for there in (True, False)] for part in (inside, outside)
        ]
        return chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic

    def more(word):
        return np.mean([word in text for text in inside]) > np.mean([word in text for text in outside])

    expected = sorted((word for word in rates if word != "bank" and more(word)), key=ratio, reverse=True)
    assert "money" not in expected
    assert typical_words([inside, outside[:30]], outside[30:], ["bank"])[0] == tuple(expected)
