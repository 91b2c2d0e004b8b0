"""The best of all scores, found by groups of rows, against a sort of them all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.lexical import row_scores
from semsearch.lexical.row_scores import GROUP_ROWS, RowScores

SHAPES = st.tuples(
    st.integers(0, 20 * GROUP_ROWS),  # rows
    st.floats(0, 1),  # the share that has a score
    st.integers(1, 40),  # different scores: equal ones are common
    st.integers(0, 2**32 - 1),
)


@pytest.fixture(autouse=True)
def always_grouped(monkeypatch):
    """Few rows are put into groups, too."""
    monkeypatch.setattr(row_scores, "FEW_ROWS", 0)


def draw_scores(shape):
    """Scores of so many rows, most of them 0."""
    rows, share, distinct, seed = shape
    random = np.random.default_rng(seed)
    drawn = random.integers(1, distinct + 1, rows) / np.float32(distinct)
    return np.where(random.random(rows) < share, drawn, 0).astype(np.float32)


@given(SHAPES, st.integers(1, 1500))
@settings(deadline=None)
def test_the_best_are_the_first_of_a_sort(shape, k):
    """Largest first, of equal ones the lower row first, and none of 0."""
    values = draw_scores(shape)
    expected = np.lexsort((np.arange(len(values)), -values))
    np.testing.assert_array_equal(RowScores(values).best(k), expected[values[expected] > 0][:k])


@given(SHAPES, st.floats(-0.25, 1.25, width=32))
@settings(deadline=None)
def test_rows_of_a_least_score_are_all_found(shape, least):
    """Whatever the score, equal ones count, and those of 0 do not."""
    values = draw_scores(shape)
    expected = np.flatnonzero((values >= least) & (values > 0))
    np.testing.assert_array_equal(RowScores(values).at_least(least), expected)


@given(SHAPES)
@settings(deadline=None)
def test_the_largest_is_the_maximum(shape):
    """And 0 where there is none."""
    values = draw_scores(shape)
    assert RowScores(values).largest == pytest.approx(values.max(initial=0.0))
