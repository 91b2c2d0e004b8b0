"""The index that the program trains and fills itself, compared with plain products and with FAISS's own training."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from semsearch.index import ApproximateIndex, MemoryRows, Part, Plan, Point, Reach, Rows, Searcher, build_part, plan
from semsearch.index.files import innermost
from semsearch.index.quantized import Shape, quantized
from semsearch.types import Metric

ROWS = 6000
DIMENSION = 96
K = 10
SHAPES = (Shape(DIMENSION, 16, 15, 4), Shape(DIMENSION, 16, 24, 4), Shape(DIMENSION, 16, 47, 2))
"""With components left out and with all, and with the correction in either half of a byte."""


def texts(rows, seed=0, lengths=False):
    """Vectors as encoders make them: with a mean, with directions of unequal weight, with topics."""
    random = np.random.default_rng(7)
    weights = 1 / np.sqrt(1 + np.arange(DIMENSION))
    topics = random.standard_normal((40, DIMENSION))
    mean = random.standard_normal(DIMENSION)
    random = np.random.default_rng(100 + seed)
    vectors = topics[random.integers(40, size=rows)] + random.standard_normal((rows, DIMENSION))
    vectors = vectors * weights + 0.3 * mean * weights
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if lengths:
        vectors *= random.uniform(5, 15, (rows, 1))
    return vectors.astype(np.float16).astype(np.float32)


def built(shape, matrix, threads=2, size=1000):
    """The index of a matrix that comes in blocks."""
    blocks = [lambda first=first: matrix[first : first + size] for first in range(0, len(matrix), size)]
    return quantized(shape, matrix[::2], len(matrix), blocks, threads)


def neighbours(matrix, queries):
    """The ten best rows of each query by plain products."""
    return np.argsort(-(queries @ matrix.T), axis=1)[:, :K]


def found_among(ids, truth):
    """Share of the true neighbours that are among the ids."""
    return np.mean([np.isin(one, got).mean() for one, got in zip(truth, ids, strict=True)])


def all_scores(index, queries, rows=ROWS):
    """What FAISS's codes say of every row, float32[m, rows]."""
    innermost(index).nprobe = innermost(index).nlist
    scores, ids = index.search(queries, rows)
    in_order = np.empty_like(scores)
    np.put_along_axis(in_order, ids, scores, axis=1)
    return in_order


@pytest.mark.parametrize("shape", SHAPES)
def test_more_neighbours_are_among_as_many_candidates_as_with_codes_that_faiss_trains(shape):
    """Of as many bytes, trained on the same rows, over the same lists' worth of queries."""
    matrix, queries = texts(ROWS), texts(200, seed=1)
    truth = neighbours(matrix, queries)
    codes = shape.codes + (shape.components < DIMENSION)
    plain = faiss.index_factory(
        DIMENSION, f"PCAR{codes * shape.size},IVF16,PQ{codes}x4fs_64", faiss.METRIC_INNER_PRODUCT
    )
    innermost(plain).by_residual = False
    plain.train(matrix[::2])
    plain.add(matrix)
    ours, theirs = (
        np.argsort(-all_scores(index, queries), axis=1)[:, : 2 * K] for index in (built(shape, matrix), plain)
    )
    assert found_among(ours, truth) > found_among(theirs, truth) + 0.02


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_score_neither_too_much_nor_too_little(shape, lengths):
    """From one neighbour of a query to another, the codes' score grows as the true one does, on the average."""
    matrix, queries = texts(ROWS, lengths=lengths), texts(200, seed=1)
    true = queries @ matrix.T
    scores = all_scores(built(shape, matrix), queries) * np.sqrt(np.mean(np.sum(matrix**2, axis=1)))
    near = np.argsort(-true, axis=1)[:, :50]
    true, scores = (np.take_along_axis(one, near, axis=1) for one in (true, scores))
    true, scores = (one - one.mean(axis=1, keepdims=True) for one in (true, scores))
    slope = np.vdot(scores, true) / np.vdot(true, true)
    assert 0.95 < slope < 1.05 if not lengths else 0.88 < slope < 1.05


@pytest.mark.parametrize("size", [1, 2, 4])
def test_more_bytes_say_more(size):
    """Four bits for one component give nearly the true score, four bits for four of them less."""
    matrix, queries = texts(ROWS), texts(50, seed=1)
    true = queries @ matrix.T
    errors = all_scores(built(Shape(DIMENSION, 16, DIMENSION // size, size), matrix), queries) - true
    errors -= errors.mean(axis=1, keepdims=True)
    assert np.abs(errors).mean() < {1: 0.012, 2: 0.04, 4: 0.08}[size]


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_and_threads_do_not_matter(shape):
    """The same file comes out, whoever codes which rows."""
    matrix = texts(ROWS)
    expected = faiss.serialize_index(built(shape, matrix, threads=1, size=ROWS))
    np.testing.assert_array_equal(faiss.serialize_index(built(shape, matrix, threads=3, size=170)), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mapped_file_finds_what_was_built(shape, tmp_path):
    """Its scores are those of the index in memory."""
    matrix, queries = texts(ROWS), texts(20, seed=1)
    part = Part(built(shape, matrix), 0)
    read = Part.read(tmp_path / "a.faiss", part.write(tmp_path / "a.faiss"), 0)
    for one, other in zip(*(search(read_or_built, queries) for read_or_built in (part, read)), strict=True):
        np.testing.assert_array_equal(one, other)


def search(part, queries):
    """Scores and ids in all lists."""
    (one,) = part.searches(queries, Reach(part.effort_limit))
    return one(100)


@pytest.mark.parametrize("length", [1e-3, 1, 1e4])
def test_the_length_of_a_query_does_not_matter(length):
    """Of a part over rows of all lengths, too."""
    part, queries = Part(built(SHAPES[0], texts(ROWS, lengths=True)), 0), texts(20, seed=1)
    expected, found = search(part, queries)[1], search(part, np.float32(length) * queries)[1]
    assert np.mean(expected == found) > 0.99


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((100, 8), np.float32),
        np.full((100, 8), 0.25, np.float32),
        np.eye(8, dtype=np.float32)[np.arange(100) % 8],
        np.eye(8, dtype=np.float32)[np.arange(100) % 2] * 1e-3,
        np.eye(8, dtype=np.float32)[np.arange(100) % 3] * 1e4,
    ],
    ids=["zeros", "all the same", "eight directions", "short", "long"],
)
@pytest.mark.parametrize("shape", [Shape(8, 4, 1, 4), Shape(8, 4, 8, 1), Shape(8, 1, 2, 4)])
def test_rows_that_say_nothing_are_indexed_too(shape, matrix):
    """Whatever training makes of them, no score is undefined, and the search finds the best rows there are."""
    part = Part(built(shape, matrix, size=30), 0)
    rows = Rows(MemoryRows(matrix), 8, Metric.DOT)
    queries = np.eye(8, dtype=np.float32)[:3]
    scores, ids = Searcher(rows, ApproximateIndex([part], Metric.DOT), Point(Reach(4), 60)).search(queries, 50)
    assert np.isfinite(search(part, queries)[0][search(part, queries)[1] >= 0]).all()
    assert all(len(set(one)) == 50 for one in ids.tolist())
    np.testing.assert_allclose(scores[:, 0], (queries @ matrix.T).max(axis=1), atol=1e-3)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("level", range(4))
def test_every_level_finds_the_neighbours(level, metric):
    """What the program builds by itself has nearly all of the ten nearest rows among a hundred candidates."""
    matrix = texts(ROWS, lengths=metric is not Metric.COSINE)
    queries = texts(50, seed=1) * (10 if metric is Metric.L2 else 1)
    rows = Rows(MemoryRows(matrix), DIMENSION, metric)
    part = build_part(rows, Plan(plan._factory(rows, level, 16), level=level), 0, ROWS)
    _, ids = part.searches(queries, Reach(16))[0](100)
    assert found_among(ids, rows.search(queries, K)[1]) > (0.9 if metric is Metric.L2 else 0.97)
