"""Vectors kept in bytes: what is read back, and searches over it."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch.index import Code, Rows
from tests.support.memory_rows import MemoryRows

DIMENSIONS = (1, 7, 16, 30, 384)


def units(count, dimension, seed=0):
    """Vectors of length one."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_byte_holds_the_nearest_of_256_numbers(dimension):
    """From -1 to 1, in steps of 2/255; the same numbers come out that are written in the layout."""
    vectors = units(200, dimension)
    vectors[:2] = np.array([[-1], [1]], np.float32)
    codes = Code.UINT8.encode(vectors)
    found = Rows(MemoryRows(vectors, Code.UINT8), dimension).take(np.arange(200))
    np.testing.assert_allclose(found, (codes.astype(np.float64) + 0.5) / 255 * 2 - 1, atol=1e-6)
    assert np.abs(found - vectors).max() <= 1 / 255 + 1e-6
    np.testing.assert_array_equal(Code.UINT8.encode(found), codes)


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("queries", [1, 3, 20])
def test_searches_are_exact_over_what_is_kept(dimension, queries):
    """One query, several, and so many that matrices are multiplied: scores of the decoded vectors, in their order."""
    rows = Rows(MemoryRows(units(3000, dimension), Code.UINT8), dimension)
    kept = rows.take(np.arange(3000)).astype(np.float64)
    asked = units(queries, dimension, seed=1)
    scores, ids = rows.search(asked, 10, threads=2)
    truth = np.clip(asked @ kept.T, -1, 1)
    np.testing.assert_allclose(scores, np.sort(truth, axis=1)[:, ::-1][:, :10], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(truth, ids, axis=1), scores, atol=1e-5)
    again, same = rows.rescore(asked, ids, 5)
    np.testing.assert_allclose(again, scores[:, :5], atol=1e-5)
    np.testing.assert_array_equal(rows.search_among(asked, 3, np.unique(ids))[0].shape, (queries, 3))
    assert same.shape == (queries, 5)
