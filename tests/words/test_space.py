"""Named vectors: neighbours, odd ones out and analogies, against brute force, published tables and gensim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.arrays import GROUP, top
from semsearch.common.documents import Formula
from semsearch.common.errors import InputError, QueryError
from semsearch.words.spaces import Space
from semsearch.words.spaces import space as space_module
from semsearch.words.vector_files.reader import read_space

FLYING = Path(__file__).parents[2] / "examples" / "flying.csv"

GENSIM_COS_ADD = {"helicopter": 0.944977, "jet": 0.93786, "rocket": 0.85345, "goose": 0.551279}
GENSIM_COS_MUL = {"jet": 0.929692, "helicopter": 0.916038, "rocket": 0.883649, "goose": 0.737973}
GENSIM_MANY_COS_ADD = {"rocket": 0.691277, "helicopter": 0.465339}
GENSIM_MANY_COS_MUL = {"rocket": 0.744992, "helicopter": 0.644247}
"""Of gensim 4.4.0 on the same table: drone + eagle - bee, then drone + eagle + goose - bee - jet."""


@pytest.fixture(scope="module")
def flying():
    """Seven things that fly, by wings, engine and sky."""
    return read_space(FLYING)


@pytest.fixture(scope="module")
def random():
    """A thousand names with random vectors of 16 numbers, far from centred."""
    vectors = np.random.default_rng(0).normal(1, 1, (1000, 16)).astype(np.float32)
    return Space([f"n{number}" for number in range(1000)], vectors)


def unit(vectors):
    """Rows at length one, in float64."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def scored(neighbours):
    """Scores by name, in the order of the ranks, which must be 1, 2, 3, …"""
    assert [one.rank for one in neighbours] == list(range(1, len(neighbours) + 1))
    return {one.name: one.score for one in neighbours}


def test_the_teaching_table_groups_animals_and_machines(flying):
    """The two nearest of bee, eagle and goose are the other two, with the figures of the table's text."""
    animals = {"bee", "eagle", "goose"}
    for name in animals:
        assert set(scored(flying.nearest(name, 2))) == animals - {name}
    assert flying.similarity("eagle", "goose") == pytest.approx(0.9806, abs=5e-5)
    assert flying.similarity("bee", "eagle") == pytest.approx(0.9487, abs=5e-5)
    for name in ("helicopter", "rocket"):
        assert scored(flying.nearest(name, 1)) == {"drone": pytest.approx(0.9487, abs=5e-5)}


def test_jet_stands_apart(flying):
    """Its best cosine is the lowest of all names' best cosines, and it is the odd one among the animals."""
    best = {name: flying.nearest(name, 1)[0].score for name in flying.names}
    assert min(best, key=best.__getitem__) == "jet"
    assert flying.doesnt_match(["bee", "jet", "goose", "eagle"]) == "jet"


@pytest.mark.parametrize("k", [1, 7, 1000, 5000])
def test_nearest_is_brute_force(random, k):
    """Names and cosines are those of sorting all cosines, whatever part of them is asked for."""
    query = np.random.default_rng(1).normal(size=16)
    cosines = unit(random.vectors) @ unit(query)
    order = np.argsort(-cosines)[:k]
    found = scored(random.nearest(query, k))
    assert list(found) == [random.names[row] for row in order]
    np.testing.assert_allclose(list(found.values()), cosines[order], atol=1e-6)


def test_a_name_is_not_its_own_neighbour(random):
    """All others are, which makes one less than there are names."""
    found = scored(random.nearest("n5", 1000))
    assert set(found) == set(random.names) - {"n5"}


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.integers(1, 20 * GROUP), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_top_is_the_beginning_of_a_sorted_row(rows, width, k, seed):
    """Also where numbers repeat, and wherever in their row the largest are."""
    scores = np.random.default_rng(seed).integers(-30, 30, (rows, width)).astype(np.float32)
    k = min(k, width)
    values, columns = top(scores, k)
    np.testing.assert_array_equal(values, -np.sort(-scores, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(scores, columns, axis=1), values)
    assert all(len(set(row)) == k for row in columns.tolist())


def by_hand(vectors, a, b, c, formula):
    """Scores of all rows for one analogy, in float64, from the vectors themselves."""
    rows = unit(vectors)
    a, b, c = rows[[a, b, c]]
    if formula in (Formula.COS_ADD, Formula.COS_AVG):
        return rows @ unit(b - a + c)
    if formula is Formula.COS_MUL:
        similar = [(rows @ one + 1) / 2 for one in (a, b, c)]
        return similar[1] * similar[2] / (similar[0] + 1e-6)
    offsets = rows - c
    lengths = np.linalg.norm(offsets, axis=1)
    return np.divide(offsets @ unit(b - a), lengths, out=np.zeros_like(lengths), where=lengths > 1e-9)


@pytest.mark.parametrize("formula", Formula)
@pytest.mark.parametrize("exclude", [True, False])
def test_every_formula_is_its_definition(random, monkeypatch, formula, exclude):
    """Many questions in small blocks give what each gives when it is computed from the vectors alone."""
    monkeypatch.setattr(space_module, "BLOCK", 7000)
    monkeypatch.setattr(space_module, "CACHED", 3000)
    questions = np.random.default_rng(2).integers(0, 1000, (50, 3))
    scores, rows = random.solve(questions[:, 1:], questions[:, :1], 5, formula, exclude)
    for question, found, given_scores in zip(questions, rows, scores, strict=True):
        expected = by_hand(random.vectors, *question, formula)
        np.testing.assert_allclose(given_scores, expected[found], atol=3e-6)
        if exclude:
            assert not set(found) & set(question)
            expected[question] = -np.inf
        np.testing.assert_allclose(given_scores, np.sort(expected)[::-1][:5], atol=3e-6)


def test_the_mean_offset_of_several_pairs(random):
    """3CosAvg adds the mean of B - A over all pairs to C, once."""
    units = unit(random.vectors)
    target = units[7] + (units[[1, 3, 5]] - units[[0, 2, 4]]).mean(axis=0)
    expected = units @ unit(target)
    found = scored(random.answer(["n1", "n3", "n5", "n7"], ["n0", "n2", "n4"], 5, "3cosavg", exclude=False))
    order = np.argsort(-expected)[:5]
    assert list(found) == [random.names[row] for row in order]
    np.testing.assert_allclose(list(found.values()), expected[order], atol=3e-6)


def test_gensim_gives_the_same(flying):
    """Names, order and scores under gensim's names for it, also with several words on both sides."""
    one, many = (["drone", "eagle"], ["bee"]), (["drone", "eagle", "goose"], ["bee", "jet"])
    for found, expected in (
        (flying.most_similar(*one), GENSIM_COS_ADD),
        (flying.most_similar_cosmul(*one), GENSIM_COS_MUL),
        (flying.most_similar(positive=many[0], negative=many[1], topn=2), GENSIM_MANY_COS_ADD),
        (flying.most_similar_cosmul(positive=many[0], negative=many[1]), GENSIM_MANY_COS_MUL),
    ):
        assert list(dict(found)) == list(expected)
        assert dict(found) == pytest.approx(expected, abs=2e-6)
    assert flying.most_similar("helicopter", topn=1) == [("drone", pytest.approx(0.948683, abs=2e-6))]
    assert flying.doesnt_match(["bee", "eagle", "goose", "helicopter"]) == "helicopter"


def test_the_odd_one_out_has_the_lowest_mean_cosine_to_the_others(random):
    """All names come back in that order; a name given twice counts once."""
    names = ["n3", "n1", "n4", "n1", "n5"]
    units = {name: unit(random[name]) for name in names}
    means = {name: np.mean([units[name] @ units[other] for other in units if other != name]) for name in units}
    found = scored(random.odd_one_out(names))
    assert list(found) == sorted(means, key=means.__getitem__)
    assert found == pytest.approx(means, abs=1e-6)


@pytest.mark.parametrize("drop", [0, 2])
@pytest.mark.parametrize("center", [True, False])
def test_preparation_is_that_of_a_singular_value_decomposition(random, center, drop):
    """The mean is taken out if asked for, and the top principal components by their singular vectors."""
    vectors = random.vectors.astype(np.float64)
    _, _, components = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    expected = vectors - vectors.mean(axis=0) if center else vectors
    expected = expected - expected @ components[:drop].T @ components[:drop]
    np.testing.assert_allclose(random.prepared(center, drop).vectors, expected, atol=1e-4)


def test_vectors_from_before_are_prepared_as_the_space_was(random):
    """Preparing the space's own former vectors gives its vectors, after one preparation or several."""
    for space in (random, random.prepared(center=False, drop=1), random.prepared(drop=1).prepared(drop=2)):
        np.testing.assert_allclose(space.prepare(random.vectors), space.vectors, atol=1e-5)
    with pytest.raises(QueryError, match="16 dimensions"):
        random.prepare(np.zeros((1, 15), np.float32))


def test_a_vector_of_zeros_is_near_nothing(flying):
    """It has cosine 0 with every name, and is no error."""
    space = Space([*flying.names, "nothing"], np.vstack([flying.vectors, np.zeros(3)]))
    assert {one.score for one in space.nearest("nothing")} == {0.0}
    assert set(scored(space.nearest(np.zeros(3), 20)).values()) == {0.0}


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda space: space.nearest("rokket"), ["'rokket'", "did you mean 'rocket'?"]),
        (lambda space: space.nearest("Bee"), ["'Bee'", "did you mean 'bee'?"]),
        (lambda space: space.nearest("zeppelin"), ["'zeppelin'", "7 names", "check the spelling"]),
        (lambda space: space.nearest(""), ["''"]),
        (lambda space: space["rokket"], ["'rokket'"]),
        (lambda space: space.nearest("bee", 0), ["k is 0"]),
        (lambda space: space.nearest(np.zeros(4)), ["(1, 4)", "3 dimensions"]),
        (lambda space: space.nearest(np.array([1, np.nan, 0])), ["NaN"]),
        (lambda space: space.odd_one_out(["bee", "jet", "bee"]), ["not from 2"]),
        (lambda space: space.answer([], ["bee"]), ["at least one positive"]),
        (lambda space: space.analogy("bee", "jet", "goose", formula="4cosadd"), ["'4cosadd'", "3cosadd, 3cosmul"]),
        (lambda space: space.answer(["bee", "jet"], formula="pair-direction"), ["pair-direction takes one analogy"]),
        (lambda space: space.answer(["bee"], formula="3cosavg"), ["3cosavg takes pairs"]),
        (lambda space: space.prepared(drop=3), ["3 components", "3 dimensions"]),
    ],
)
def test_questions_without_an_answer(flying, ask, named):
    """The message says what is wrong with the question, and what else to ask."""
    with pytest.raises(QueryError) as caught:
        ask(flying)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("names", "vectors", "named"),
    [
        (["a", "b"], np.ones((3, 2)), "2 names and vectors of shape (3, 2)"),
        ([], np.ones((0, 2)), "make no space"),
        (["a", "b", "a"], np.ones((3, 2)), "'a' is there twice"),
        (["a", "b"], np.array([[1, 2], [3, np.inf]]), "'b' holds NaN or infinity"),
    ],
)
def test_vectors_that_make_no_space(names, vectors, named):
    """Every name has one vector of numbers, and every vector a name of its own."""
    with pytest.raises(InputError) as caught:
        Space(names, vectors)
    assert named in str(caught.value)


def test_no_cosine_is_above_1(random):
    """Names with equal vectors score exactly 1, and a name is 1 like itself, whatever its product rounds to."""
    doubled = Space([*random.names, *(f"same {name}" for name in random.names)], np.tile(random.vectors, (2, 1)))
    for name in random.names[:200]:
        assert doubled.similarity(name, name) == doubled.similarity(name, f"same {name}") == 1
        best = doubled.nearest(name, 2)
        assert (best[0].name, best[0].score) == (f"same {name}", 1)
        assert best[1].score < 1
    scores, _ = doubled.nearest_rows(random.vectors, 2)
    assert (scores == 1).all()


@pytest.mark.parametrize(
    ("positive", "negative", "formula", "named"),
    [
        (["bee", "jet"], ["bee"], "pair-direction", "same vector"),
        (["bee"], ["bee"], "3cosadd", "cancel each other out"),
        (["jet", "bee", "goose"], ["bee", "jet", "goose"], "3cosadd", "cancel each other out"),
    ],
)
def test_a_question_without_a_direction(flying, positive, negative, formula, named):
    """Where the words of a question leave nothing, no name is an answer, and the error says so."""
    for ask in (flying.answer, flying.answer_both):
        with pytest.raises(QueryError, match=named):
            ask(positive, negative, 3, formula)
