"""Rows at length one, the largest numbers of rows, slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common import arrays
from semsearch.common.arrays import best, chunks, limit_cosines, top, unit_length


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_rows_have_length_one(rows, scale):
    """Whatever their length was, across the border of a block; zeros stay zeros."""
    vectors = (np.random.default_rng(0).standard_normal((rows, 7)) * scale).astype(np.float32)
    vectors[::9] = 0
    units = unit_length(vectors)
    assert units.dtype == np.float32
    lengths = np.linalg.norm(units.astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, (np.arange(rows) % 9 != 0).astype(float), atol=1e-6)


@given(st.integers(0, 1000), st.integers(1, 400), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_largest_are_those_of_a_sort(seed, width, k):
    """Values and columns are those that ordering everything gives; equal scores go to the lower id."""
    scores = np.random.default_rng(seed).integers(0, 50, (3, width)).astype(np.float32)
    k = min(k, width)
    expected = -np.sort(-scores, axis=1)[:, :k]
    values, columns = top(scores, k)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(np.take_along_axis(scores, columns, axis=1), expected)
    ids = np.broadcast_to(np.arange(width), scores.shape)
    values, chosen = best(scores, ids, k)
    np.testing.assert_array_equal(values, expected)
    ordered = [list(zip(-row, own, strict=True)) for row, own in zip(values, chosen, strict=True)]
    assert ordered == [sorted(pairs) for pairs in ordered]


@given(st.lists(st.integers()), st.integers(1, 9))
def test_slices_are_the_whole_in_order(values, size):
    """Put together they are what was cut, and none but the last is shorter."""
    parts = list(chunks(values, size))
    assert [value for part in parts for value in part] == values
    assert all(len(part) == size for part in parts[:-1])
    assert all(parts)


def test_groups_are_used_for_wide_rows():
    """A row wider than the groups that hold its largest is not ordered as a whole."""
    scores = np.random.default_rng(1).random((2, arrays.GROUP * 40 + 3)).astype(np.float32)
    assert arrays._candidate_columns(scores, 2).shape[1] < scores.shape[1] / 4


@given(st.integers(0, 1000), st.sampled_from([2, 16, 384]))
@settings(max_examples=40, deadline=None)
def test_cosines_of_equal_vectors_are_1(seed, dimension):
    """Products that exceed 1 by rounding, or miss it, become 1 and -1; all others and infinity stay as they are."""
    units = unit_length(np.random.default_rng(seed).standard_normal((40, dimension)).astype(np.float32))
    products = np.concatenate([units, -units]) @ units.T
    limited = limit_cosines(products)
    assert limited.dtype == np.float32
    assert np.abs(limited).max() <= 1
    assert (limited[np.arange(40), np.arange(40)] == 1).all()
    assert (limited[np.arange(40) + 40, np.arange(40)] == -1).all()
    apart = np.abs(products) < 1 - 2e-6
    np.testing.assert_array_equal(limited[apart], products[apart])
    assert limit_cosines(np.array([-np.inf], np.float32)) == -np.inf
