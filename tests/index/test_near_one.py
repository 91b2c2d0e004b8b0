"""Scores of vectors that are equal, or nearly so, under the cosine."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.index import Code, Rows
from semsearch.index.gpu import GpuRows
from tests.support.memory_rows import MemoryRows

DIMENSION = 384


def units(count, seed, dimension=DIMENSION):
    """Vectors of length 1, float32[count, dimension]."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def turned(vector, cosine, count, seed):
    """``count`` vectors of length 1 with this cosine to ``vector``, in other directions each."""
    aside = units(count, seed, len(vector)).astype(np.float64)
    aside -= np.outer(aside @ vector, vector)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return (cosine * vector + np.sqrt(1 - cosine**2) * aside).astype(np.float32)


def ways(rows):
    """Everything that gives scores: each a function from queries and ``k``."""
    every = np.arange(len(rows))
    return {
        "search": rows.search,
        "threads": partial(rows.search, threads=2),
        "among": lambda queries, k: rows.search_among(queries, k, every),
        "rescored": lambda queries, k: rows.rescore(queries, np.tile(every, (len(queries), 1)), k),
    }


@pytest.mark.parametrize("dimension", [3, 50, DIMENSION, 4096])
@pytest.mark.parametrize("queries", [1, 3, 20])
def test_a_vector_scores_exactly_1_with_itself(dimension, queries):
    """However it is found, and although what is stored is longer or shorter than it was."""
    vectors = units(200, 5, dimension)
    rows = Rows(MemoryRows(vectors), dimension)
    for name, way in ways(rows).items():
        scores, ids = way(vectors[:queries], 2)
        assert ids[:, 0].tolist() == list(range(queries)), name
        assert scores[:, 0].tolist() == [1.0] * queries, name
    for number in range(queries):
        scores, ids = rows.within(vectors[number : number + 1], 1.0)
        assert (scores.tolist(), ids.tolist()) == ([1.0], [number])
        assert len(rows.within(vectors[number : number + 1], 1.0000001)[0]) == 0


@given(st.floats(-7, -1), st.integers(0, 1000), st.sampled_from([8, 50, DIMENSION]))
@settings(deadline=None, max_examples=100)
def test_a_score_below_1_is_of_another_vector(power, seed, dimension):
    """What float16 can tell from the query stays below 1, never above, and off by no more than it is rounded."""
    query, true = units(1, seed, dimension), 1 - 10.0**power
    kept = turned(query[0].astype(np.float64), true, 30, seed + 1)
    rows = Rows(MemoryRows(kept), dimension)
    stored = kept.astype(np.float16).astype(np.float64)
    cosines = stored @ query[0] / np.linalg.norm(stored, axis=1) / np.linalg.norm(query.astype(np.float64))
    for way in ways(rows).values():
        scores, ids = way(query, 30)
        assert (np.diff(scores[0]) <= 0).all()
        np.testing.assert_allclose(scores[0], cosines[ids[0]], atol=2.0**-10 if true < 0.9995 else 1e-6)
        assert scores.max() <= 1
        assert ((scores[0] == 1) == (cosines[ids[0]] >= 1 - 2.0**-22)).all()


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("queries", [1, 20])
def test_many_near_ones_do_not_hide_the_nearest(k, queries):
    """Although hundreds of stored vectors have higher products with it, the equal one is the best hit."""
    lengths = np.linalg.norm(units(500, 4).astype(np.float16).astype(np.float64), axis=1)
    wanted = units(500, 4)[[lengths.argmin()]]  # what is stored of it is the shortest
    near = turned(wanted[0].astype(np.float64), 0.99998, 3000, 3)
    products = near.astype(np.float16).astype(np.float64) @ wanted[0]
    assert np.count_nonzero(products > lengths.min()) > 500
    matrix = np.concatenate([near, wanted])
    for way in ways(Rows(MemoryRows(matrix), DIMENSION)).values():
        scores, ids = way(np.repeat(wanted, queries, axis=0), k)
        assert set(ids[:, 0].tolist()) == {3000}
        assert set(scores[:, 0].tolist()) == {1.0}
        assert (scores[:, 1:] < 1).all()


def test_bytes_score_from_minus_1_to_1():
    """Numbers kept in a byte each, whose vectors may be longer than 1 by much more, score no higher either."""
    vectors = units(300, 7, 4)
    scores, _ = Rows(MemoryRows(vectors, Code.UINT8), 4).search(np.concatenate([vectors, -vectors]), 300)
    assert scores.max() == 1
    assert scores.min() == -1


def test_a_device_gives_the_same_scores():
    """Torch proposes rows, and an equal vector scores 1 as everywhere else."""
    vectors = units(300, 8)
    source = MemoryRows(vectors)
    for queries in (vectors[:1], vectors[:20]):
        scores, ids = GpuRows(source, DIMENSION, Rows(source, DIMENSION).metric, "cpu").search(queries, 5)
        expected, same = Rows(source, DIMENSION).search(queries, 5)
        np.testing.assert_array_equal(scores, expected)
        np.testing.assert_array_equal(ids, same)
        assert (scores[:, 0] == 1).all()
