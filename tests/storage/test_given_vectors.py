"""Documents that bring their vectors along are stored with these, and are encoded by nobody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import semsearch
from semsearch import Document
from semsearch.storage.upkeep.verify import verify_folder

DIMENSION = 16
RNG = np.random.default_rng(7)


def random_vectors(count):
    """float32[count, 16]."""
    return RNG.normal(size=(count, DIMENSION)).astype(np.float32)


def keep(vectors):
    """Vectors as a collection keeps them, in numbers of two bytes."""
    return vectors.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_scores_are_those_of_the_given_vectors(make, fake, metric):
    """Nearest neighbours are NumPy's over the given vectors, and nothing was encoded."""
    vectors = random_vectors(50)
    collection = make(metric=metric)
    report = collection.add(Document(f"text {n}", str(n), vector=vector) for n, vector in enumerate(vectors))
    assert (report.added, report.passages, report.reused) == (50, 0, 50)
    assert fake.encoded == []
    query = random_vectors(1)[0]
    units = keep(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    vectors = keep(vectors)
    scores = {
        "cosine": units @ (query / np.linalg.norm(query)),
        "dot": vectors @ query,
        "l2": -np.linalg.norm(vectors - query, axis=1),
    }[metric]
    (hits,) = collection.search_vectors(query, k=10)
    assert [int(hit.document) for hit in hits] == np.argsort(-scores)[:10].tolist()
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(scores)[::-1][:10], atol=1e-5)
    assert verify_folder(collection.path).sound


@settings(deadline=None, max_examples=30)
@given(arrays.arrays(np.float32, DIMENSION, elements=st.floats(-1e6, 1e6, width=32)).filter(np.any))
def test_a_vector_comes_back(tmp_path_factory, vector):
    """What went in comes out of vectors(), at length 1 for the cosine, by whichever kind of sequence it was given."""
    from tests.support.fake_encoder import FakeEncoder

    with semsearch.Collection.create(tmp_path_factory.mktemp("given") / "notes", FakeEncoder()) as collection:
        collection.add([Document("as a list", "a", vector=vector.tolist()), Document("an array", "b", vector=vector)])
        stored = collection.vectors()[1]
        expected = vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64))
        np.testing.assert_allclose(stored, np.stack([expected, expected]), atol=5e-4)


def test_another_vector_is_a_change(notes):
    """The same document is unchanged with the same vector or none, and updated with another."""
    first, second = random_vectors(2)
    counts = [
        (report.added, report.updated, report.unchanged)
        for vector in (first, first, None, second)
        for report in [notes.add([Document("a text", "a", vector=vector)])]
    ]
    assert counts == [(1, 0, 0), (0, 0, 1), (0, 0, 1), (0, 1, 0)]
    assert notes.search_vectors(second)[0][0].score == pytest.approx(1, abs=1e-3)


def test_a_text_does_not_take_a_given_vector(notes, fake):
    """The vector belongs to the document, not to its text: the same text elsewhere is encoded."""
    notes.add([Document("heron jet", "given", vector=random_vectors(1)[0])])
    notes.add([Document("heron jet", "encoded")])
    assert fake.encoded == ["heron jet"]
    scores = {hit.document: hit.score for hit in notes.search("heron jet", mode="dense")}
    assert scores["encoded"] == pytest.approx(1, abs=1e-3)
    assert scores["given"] < 0.9


def test_texts_and_vectors_in_one_run(notes, fake):
    """Documents with and without vectors, two without an id and of one text, are all there."""
    one, two = random_vectors(2)
    report = notes.add([Document("same", vector=one), "heron", Document("same", vector=two), Document("", vector=one)])
    assert (report.added, report.empty, fake.encoded) == (3, 1, ["heron"])
    assert notes.search_vectors(one)[0][0].score == pytest.approx(1, abs=1e-3)
    assert notes.search_vectors(two)[0][0].score == pytest.approx(1, abs=1e-3)


def test_the_callers_array_may_change(notes):
    """The vector is that of the moment at which the document was taken."""
    vector = random_vectors(1)[0]

    def documents():
        shared = vector.copy()
        yield Document("a", "a", vector=shared)
        shared[:] = -vector
        yield Document("b", "b", vector=shared)

    notes.add(documents())
    found = {hit.document: hit.score for hit in notes.search_vectors(vector)[0]}
    assert found == pytest.approx({"a": 1, "b": -1}, abs=1e-3)


def test_a_dry_run_counts_them_as_known(notes):
    """Nothing would be encoded."""
    report = notes.sync([Document("a", "a", vector=random_vectors(1)[0])], dry_run=True)
    assert (report.added, report.passages, report.reused, len(notes)) == (1, 0, 1, 0)


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        ([1.0] * 3, "16 numbers"),
        ([[1.0] * 16] * 2, "list of numbers"),
        ([float("nan")] * 16, "NaN"),
        ([0.0] * 16, "all zeros"),
        (["a"] * 16, "not real numbers"),
        ([[1.0], [1.0, 2.0]], "list of numbers"),
        (3, "list of numbers"),
    ],
    ids=["short", "two", "nan", "zeros", "strings", "ragged", "number"],
)
def test_what_is_no_vector_is_refused(notes, vector, reason):
    """The message names the document, and what is there stays."""
    notes.add(["heron"])
    with pytest.raises(semsearch.InputError, match=f"document 'bad'.*{reason}"):
        notes.add([Document("text", "bad", vector=vector)])
    assert len(notes) == 1


def test_a_collection_of_words_refuses_them(make):
    """Its words would have to be encoded from the text."""
    collection = make(word_vectors=True)
    with pytest.raises(semsearch.InputError, match="keeps words"):
        collection.add([Document("text", "a", vector=random_vectors(1)[0])])


def test_they_outlive_a_compaction_and_a_death_of_the_index(notes):
    """Vectors are rows like any other: deleting, compacting and verifying keep them."""
    vectors = random_vectors(40)
    notes.add(Document(f"text {n}", str(n), vector=vector) for n, vector in enumerate(vectors))
    notes.delete([str(n) for n in range(20)])
    notes.compact()
    assert notes.add([Document("text 30", "30", vector=vectors[30])]).unchanged == 1
    assert notes.search_vectors(vectors[30])[0][0].document == "30"
    assert verify_folder(notes.path).sound
