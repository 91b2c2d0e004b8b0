"""How scores stand among those that are there by chance, beside all pairs and beside Gumbel's own distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from semsearch.common.documents import Metric
from semsearch.index import Background, Rows, measure_background
from tests.support.memory_rows import MemoryRows

METRICS = [Metric.COSINE, Metric.DOT, Metric.L2]


def _vectors(count, metric, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((count, 24)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if metric is Metric.COSINE else vectors


def _make_rows(vectors, metric):
    return Rows(MemoryRows(vectors), vectors.shape[1], metric)


def _scores(vectors, metric):
    """Every pair's score, written out: that of a search for the first, whose length is 1 for a cosine."""
    exact = vectors.astype(np.float64)
    asked = exact / np.linalg.norm(exact, axis=1, keepdims=True) if metric is Metric.COSINE else exact
    if metric is Metric.L2:
        return np.array([-np.linalg.norm(exact[i] - exact[j]) for i in range(len(exact)) for j in range(i)])
    return np.array([asked[i] @ exact[j] for j in range(len(exact)) for i in range(j)])


@pytest.mark.parametrize("count", [8, 32, 300])
@pytest.mark.parametrize("metric", METRICS)
def test_a_percentile_is_the_share_of_pairs_that_score_less(metric, count):
    """Of few pairs exactly, of many to half a percent."""
    vectors = _vectors(count, metric)
    rows = _make_rows(vectors, metric)
    background = measure_background(rows, np.arange(count), np.zeros(4, np.float32))
    scores = _scores(rows.take(np.arange(count)), metric)
    asked = np.sort(scores)[(len(scores) * np.array([0, 0.003, 0.03, 0.2, 0.6, 0.93, 0.997])).astype(int)]
    shares = [100 * np.mean(scores < score - 1e-5) for score in asked]
    few = count < 300
    np.testing.assert_allclose(background.percentiles(asked.astype(np.float32)), shares, atol=0.1 if few else 0.6)
    assert background.percentiles(np.array([-1e3, 1e3], np.float32)).tolist() == [0, 100]


@pytest.mark.parametrize("metric", METRICS)
def test_equal_scores_are_not_less(metric):
    """Nine copies and one other: 36 pairs are copies, 9 are not, and nothing is in between."""
    vectors = np.repeat(_vectors(2, metric), [9, 1], axis=0)
    rows = _make_rows(vectors, metric)
    background = measure_background(rows, np.arange(10), np.zeros(4, np.float32))
    query = rows.take(np.array([0]))
    (scores,), _ = rows.search(query / np.linalg.norm(query) if metric is Metric.COSINE else query, 10)
    copy, other = float(scores[0]), float(scores[-1])
    if metric is Metric.COSINE:
        assert copy == background.pairs[-1] == 1
    found = background.percentiles(np.array([other, copy, copy + 1e-2], np.float32))
    np.testing.assert_allclose(found, [0, 20, 100], atol=0.1)


def test_only_live_rows_count():
    """Deleted rows are in no pair."""
    vectors = np.concatenate([_vectors(50, Metric.COSINE), np.repeat(_vectors(1, Metric.COSINE, 1), 50, axis=0)])
    rows = _make_rows(vectors, Metric.COSINE)
    live = measure_background(rows, np.arange(50), np.zeros(4, np.float32))
    assert live.rows == 50
    assert live.pairs[-1] < 0.95  # all copies are dead
    assert measure_background(rows, np.arange(100), np.zeros(4, np.float32)).pairs[-1] > 0.999


def test_a_confidence_is_gumbels_distribution():
    """It is what SciPy has for location and scale, which are found again from 20,000 numbers drawn from it."""
    drawn = stats.gumbel_r.rvs(0.3, 0.06, size=20_000, random_state=0).astype(np.float32)
    background = measure_background(_make_rows(_vectors(10, Metric.COSINE), Metric.COSINE), np.arange(10), drawn)
    assert background.location == pytest.approx(0.3, abs=0.002)
    assert background.scale == pytest.approx(0.06, abs=0.002)
    asked = np.linspace(-1, 1, 41).astype(np.float32)
    expected = stats.gumbel_r.cdf(asked.astype(np.float64), background.location, background.scale)
    np.testing.assert_allclose(background.confidences(asked), expected, rtol=1e-9, atol=1e-300)


def test_equal_answers_make_a_step():
    """Where all questions without a sense score the same, more is confident and less is not."""
    same = np.full(64, 0.25, np.float32)
    background = measure_background(_make_rows(_vectors(10, Metric.COSINE), Metric.COSINE), np.arange(10), same)
    assert background.confidences(np.array([-1, 0.2, 0.3, 1], np.float32)).round(6).tolist() == [0, 0, 1, 1]


def test_a_background_survives_json():
    """What was written is read again."""
    background = measure_background(
        _make_rows(_vectors(40, Metric.COSINE), Metric.COSINE), np.arange(40), np.linspace(0, 1, 9, dtype=np.float32)
    )
    assert Background.from_json(background.to_json()) == background
