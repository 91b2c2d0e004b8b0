"""The index that the program trains and fills itself, compared with plain products and with FAISS's own training."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from semsearch.common.documents import Metric
from semsearch.index import ApproximateIndex, Part, Plan, Point, Reach, Rows, Searcher, build_part, plan
from semsearch.index.faiss_files import innermost
from semsearch.index.quantized import Shape, build_quantized
from tests.support.brute_force import asked, stored
from tests.support.memory_rows import MemoryRows

ROWS = 6000
DIMENSION = 96
K = 10
SHAPES = (Shape(DIMENSION, 16, 15, 4), Shape(DIMENSION, 16, 24, 4), Shape(DIMENSION, 16, 47, 2))
"""With components left out and with all, and with the correction in either half of a byte."""


def texts(rows, seed=0, lengths=(1, 1), shift=0.3):
    """Vectors as encoders make them: with a mean, with directions of unequal weight, with topics."""
    random = np.random.default_rng(7)
    weights = 1 / np.sqrt(1 + np.arange(DIMENSION))
    topics = random.standard_normal((40, DIMENSION))
    mean = random.standard_normal(DIMENSION)
    random = np.random.default_rng(100 + seed)
    vectors = topics[random.integers(40, size=rows)] + random.standard_normal((rows, DIMENSION))
    vectors = vectors * weights + shift * mean * weights
    vectors *= random.uniform(*lengths, (rows, 1)) / np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16).astype(np.float32)


def built(shape, matrix, threads=2, size=1000):
    """The index of a matrix that comes in blocks."""
    blocks = [lambda first=first: matrix[first : first + size] for first in range(0, len(matrix), size)]
    return build_quantized(shape, lambda: matrix[::2].copy(), len(matrix), blocks, threads)


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
    """Trained on the same rows, with as many codes, or one less where no component is left out; in all lists."""
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


@pytest.mark.parametrize("lengths", [(1, 1), (5, 15)])
@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_score_neither_too_much_nor_too_little(shape, lengths):
    """The score by codes is about the true one, and grows as it does from one neighbour of a query to another."""
    matrix, queries = texts(ROWS, lengths=lengths), texts(200, seed=1)
    true = queries @ matrix.T
    scores = all_scores(built(shape, matrix), queries)
    near = np.argsort(-true, axis=1)[:, :50]
    true, scores = (np.take_along_axis(one, near, axis=1) for one in (true, scores))
    assert np.abs((scores - true).mean()) < 0.06 * true.mean()
    true, scores = (one - one.mean(axis=1, keepdims=True) for one in (true, scores))
    slope = np.vdot(scores, true) / np.vdot(true, true)
    assert 0.95 < slope < 1.05 if lengths == (1, 1) else 0.88 < slope < 1.05


@pytest.mark.parametrize("size", [1, 2, 4])
def test_more_bytes_say_more(size):
    """Four bits for one component give nearly the true score, four bits for four of them less."""
    matrix, queries = texts(ROWS), texts(50, seed=1)
    true = queries @ matrix.T
    errors = all_scores(built(Shape(DIMENSION, 16, DIMENSION // size, size), matrix), queries) - true
    assert np.abs(errors).mean() < {1: 0.012, 2: 0.04, 4: 0.08}[size]


@pytest.mark.parametrize("shape", SHAPES)
def test_threads_do_not_matter(shape):
    """The same file comes out, whoever codes which block."""
    matrix = texts(ROWS)
    expected = faiss.serialize_index(built(shape, matrix, threads=1, size=170))
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


@pytest.mark.parametrize("length", [1e-3, 1e4])
@pytest.mark.parametrize("lists", [1, 16])
def test_the_length_of_a_query_does_not_matter(length, lists):
    """Of a part over rows of all lengths, with a choice of lists and without, nor for what lists are near enough."""
    part, queries = Part(built(Shape(DIMENSION, lists, 15, 4), texts(ROWS, lengths=(5, 15))), 0), texts(20, seed=1)
    expected, found = search(part, queries)[1], search(part, np.float32(length) * queries)[1]
    assert np.mean(expected == found) > 0.99
    if lists > 1:
        behind = part.distances_behind(queries)
        np.testing.assert_allclose(part.distances_behind(np.float32(length) * queries), behind, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lengths", [(1, 1), (0.05, 0.5)])
def test_parts_can_be_compared(shape, lengths):
    """Whatever means and lengths their rows have, candidates of two parts are those of all rows."""
    both = [texts(ROWS // 2, seed=2, shift=1.5), texts(ROWS // 2, seed=3, shift=-0.5, lengths=lengths)]
    queries = np.concatenate([texts(100, seed=4, shift=0.5), texts(100, seed=5)])
    first = Part(built(shape, both[0]), 0)
    index = ApproximateIndex([first, Part(built(shape, both[1]), first.end)], Metric.DOT)
    truth = neighbours(np.concatenate(both), queries)
    assert found_among(index.candidates(queries, 6 * K, Reach(16)), truth) > 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_no_length_do_not_hide_the_others(shape):
    """Of rows many of which are short or zero, candidates are the neighbours, most of which are long."""
    matrix = texts(ROWS, lengths=(0.01, 1), shift=0)
    matrix[::3] *= 0.05
    matrix[1::20] = 0
    ids = np.argsort(-all_scores(built(shape, matrix), texts(100, seed=1, shift=0)), axis=1)[:, : 5 * K]
    assert found_among(ids, neighbours(matrix, texts(100, seed=1, shift=0))) > 0.95


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
    """Whatever training makes of them, no score is undefined, and a search has as many hits as it should."""
    part = Part(built(shape, matrix, size=30), 0)
    rows = Rows(MemoryRows(matrix), 8, Metric.DOT)
    queries = np.eye(8, dtype=np.float32)[:3]
    _, ids = Searcher(rows, ApproximateIndex([part], Metric.DOT), Point(Reach(4), 12)).search(queries, 10)
    assert np.isfinite(search(part, queries)[0][search(part, queries)[1] >= 0]).all()
    assert all(len(set(one)) == 10 for one in ids.tolist())


@pytest.mark.parametrize("dimension", [1, 3, 5, 50, 193])
@pytest.mark.parametrize("level", range(4))
def test_every_dimension_can_be_built(level, dimension):
    """Also those that four does not divide; all rows are found in the lists."""
    matrix = stored(600, dimension)
    rows = Rows(MemoryRows(matrix), dimension, Metric.COSINE)
    if level < 2 and dimension < 192:
        pytest.skip("such short vectors have longer codes")
    part = build_part(rows, Plan(plan._factory(rows, level, 4), level=level), 0, 600)
    _, ids = part.searches(asked(5, dimension), Reach(4))[0](600)
    assert np.sort(ids, axis=1).tolist() == [list(range(600))] * 5


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("level", range(4))
def test_every_level_finds_the_neighbours(level, metric):
    """What the program builds by itself has nearly all of the ten nearest rows among a hundred candidates."""
    matrix = texts(ROWS, lengths=(1, 1) if metric is Metric.COSINE else (5, 15))
    queries = texts(50, seed=1) * (10 if metric is Metric.L2 else 1)
    rows = Rows(MemoryRows(matrix), DIMENSION, metric)
    part = build_part(rows, Plan(plan._factory(rows, level, 16), level=level), 0, ROWS)
    _, ids = part.searches(queries, Reach(16))[0](100)
    assert found_among(ids, rows.search(queries, K)[1]) > (0.9 if metric is Metric.L2 else 0.97)
