"""Groups of vectors and the words that are typical for them, compared with their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.metrics import adjusted_rand_score

from semsearch.analysis.typical_words import typical_words
from semsearch.words.contexts import groups as clusters
from semsearch.words.contexts.groups import group_vectors


def random_vectors(seed, count, dimension=8):
    """Vectors of length one without any order."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def gathered(seed, sizes, spread=0.1, dimension=16):
    """Vectors around as many directions as there are sizes, and which direction each has."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    noise = np.random.default_rng(seed).standard_normal((len(labels), dimension)) * spread
    return (np.eye(dimension)[labels] + noise).astype(np.float32), labels


def merged_naively(distances, count):
    """Average linkage as it is defined: the two groups that are nearest on the average become one, again and again."""
    groups = [[member] for member in range(len(distances))]
    while len(groups) > count:
        pairs = itertools.combinations(range(len(groups)), 2)
        first, second = min(pairs, key=lambda pair: distances[np.ix_(groups[pair[0]], groups[pair[1]])].mean())
        groups[first] += groups.pop(second)
    labels = np.zeros(len(distances), int)
    for label, group in enumerate(groups):
        labels[group] = label
    return labels


def silhouette_of(distances, labels):
    """The mean silhouette as Rousseeuw (1987) defines it."""
    scores = []
    for member, label in enumerate(labels):
        own = [other for other in np.flatnonzero(labels == label) if other != member]
        if not own:
            scores.append(0.0)
            continue
        within = distances[member, own].mean()
        apart = min(distances[member, labels == other].mean() for other in set(labels) - {label})
        scores.append((apart - within) / max(apart, within))
    return float(np.mean(scores))


@given(st.integers(0, 1000), st.integers(3, 16))
@settings(max_examples=40, deadline=None)
def test_groups_are_those_of_the_definitions(seed, count):
    """The cut of average linkage with the largest silhouette, and one group if that is small."""
    vectors = random_vectors(seed, count)
    apart = vectors - vectors.mean(axis=0)
    units = apart / np.linalg.norm(apart, axis=1, keepdims=True)
    distances = 1 - (units @ units.T).astype(np.float64)
    np.fill_diagonal(distances, 0)
    cuts = [merged_naively(distances, wanted) for wanted in range(2, min(8, count - 1) + 1)]
    scores = [silhouette_of(distances, cut) for cut in cuts]
    expected = np.zeros(count, int)
    if max(scores, default=0) > clusters.LEAST_SILHOUETTE:
        expected = cuts[int(np.argmax(scores))]
    assert adjusted_rand_score(group_vectors(vectors), expected) == 1


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
