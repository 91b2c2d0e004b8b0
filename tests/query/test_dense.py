"""Dense search against brute force over the texts that are alive."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedIndexWarning, QueryError, UnknownTokensWarning
from semsearch.index import plan
from semsearch.storage import writer
from semsearch.storage.vectors import index_builder
from tests.support import fake_encoder
from tests.support.fake_encoder import FakeEncoder, cosines, scores_of, stored_vectors

TEXTS = ["bee wings", "fly wings", "a bee in the garden", "garden\nbee\nfly", "over the hills", "hills", "bee\n\nwings"]


@pytest.fixture
def garden(tmp_path):
    """A collection of lines."""
    collection = Collection.create(tmp_path / "garden", FakeEncoder(), CollectionSettings(unit="line"))
    collection.add([Document(id=str(n), text=text, metadata={"n": n}) for n, text in enumerate(TEXTS)])
    return collection


def passages(documents):
    """(document, number, line) of every line of {id: text}; what the unit "line" must make of them."""
    return [
        (name, number, line.strip())
        for name, text in documents.items()
        for number, line in enumerate(filter(str.strip, text.split("\n")))
    ]


def check(hits, query, documents, k, exact=True):
    """Hits must be k of the passages, all different, with their scores in order; if exact, k of the best.

    A number that lies between two of float16 may be stored as either, which the tolerance allows for.
    """
    expected = passages(documents)
    assert len(hits) == min(k, len(expected))
    if not expected:
        return
    truth = dict(zip([entry[:2] for entry in expected], cosines(query, [line for _, _, line in expected]), strict=True))
    lines = {entry[:2]: entry[2] for entry in expected}
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert len({(hit.document, hit.passage) for hit in hits}) == len(hits)
    assert all(hit.text == lines[hit.document, hit.passage] for hit in hits)
    assert all(hit.text == documents[hit.document][hit.start : hit.end] for hit in hits)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, [truth[hit.document, hit.passage] for hit in hits], atol=1e-4)
    if exact:
        np.testing.assert_allclose(scores, sorted(truth.values())[::-1][: len(hits)], atol=1e-4)


@pytest.mark.parametrize("k", [1, 3, 11, 12, 1000])
@pytest.mark.parametrize("query", ["bee", "the garden", "nothing of the kind", " bee\n"])
def test_search_is_exact(garden, query, k):
    """Hits are the nearest passages with their cosines, and never more than there are."""
    check(garden.search(query, k=k, mode="dense"), query, {str(n): text for n, text in enumerate(TEXTS)}, k)


def test_a_hit_says_all_about_itself(garden):
    """Document, passage, span, metadata and the parts of the score are there."""
    hit = garden.search("fly", k=1, mode="dense")[0]
    assert (hit.document, hit.passage, hit.text, hit.start, hit.end) == ("3", 2, "fly", 11, 14)
    assert (hit.title, hit.source, hit.metadata) == (None, None, {"n": 3})
    assert hit.score == pytest.approx(1, abs=1e-3)
    assert hit.parts == {"dense": hit.score}


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None, True])
def test_a_number_of_hits_that_makes_no_sense_is_refused(garden, k):
    """The value is quoted, in searching and in looking for similar ones."""
    for ask in (garden.search, garden.similar):
        with pytest.raises(QueryError, match="ask for at least 1") as caught:
            ask("0", k)
        assert repr(k) in str(caught.value)


@pytest.mark.parametrize("query", ["", " ", "\n\t\u3000", None])
def test_an_empty_query_is_refused(garden, query):
    """There is nothing to search for."""
    with pytest.raises(QueryError, match="query is empty"):
        garden.search(query, mode="dense")


@pytest.mark.parametrize("query", [7, ["bee"], b"bee"])
def test_a_query_that_is_no_string_is_refused(garden, query):
    """The message says what it is, and what else can be asked."""
    with pytest.raises(QueryError, match="give a string") as caught:
        garden.search(query, mode="dense")
    assert repr(query) in str(caught.value)


def test_an_option_that_no_search_has_is_named(garden):
    """With the nearest one; it is a mistake in a program."""
    with pytest.raises(TypeError, match="no option 'rerankk'; did you mean 'rerank'"):
        garden.search("bee", rerankk="tokens")
    with pytest.raises(TypeError, match="no option 'limit'; k is how many hits"):
        garden.search("bee", limit=3)


def nearest_documents(documents, name):
    """Scores of the other documents: their nearest line to the mean of this one's."""
    entries = passages(documents)
    vectors = stored_vectors([line for _, _, line in entries])
    own = np.array([entry[0] == name for entry in entries])
    mean = vectors[own].mean(axis=0)
    mean /= np.linalg.norm(mean)
    scores = {}
    for (other, _, _), score in zip(entries, scores_of(mean, vectors), strict=True):
        if other != name:
            scores[other] = max(score, scores.get(other, -2))
    return scores


@pytest.mark.parametrize("k", [1, 2, 6, 50])
@pytest.mark.parametrize("name", ["0", "3", "6"])
def test_similar_finds_other_documents_by_their_nearest_passage(garden, name, k):
    """Each other document comes once, with its best passage's cosine to the mean of the stored vectors."""
    truth = nearest_documents({str(n): text for n, text in enumerate(TEXTS)}, name)
    hits = garden.similar(name, k)
    assert len(hits) == min(k, 6)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert len({hit.document for hit in hits}) == len(hits)
    np.testing.assert_allclose([hit.score for hit in hits], [truth[hit.document] for hit in hits], atol=1e-5)
    np.testing.assert_allclose([hit.score for hit in hits], sorted(truth.values())[::-1][: len(hits)], atol=1e-5)


def test_similar_looks_past_a_document_of_many_near_passages(garden):
    """A thousand near lines of one document do not hide the others."""
    garden.add([Document(id="many", text="bee wings\n" * 1000)])
    assert len(garden.similar("0", 7)) == 7
    assert len(garden.similar("many", 9)) == 7


def test_similar_encodes_nothing(garden, monkeypatch):
    """The stored vectors are enough; the model is not even loaded."""
    opened = Collection.open(garden.path)
    monkeypatch.setattr("semsearch.encoder.Encoder.load", None)
    truth = nearest_documents({str(n): text for n, text in enumerate(TEXTS)}, "0")
    assert [hit.document for hit in opened.similar("0", 1)] == [max(truth, key=truth.get)]


def test_similar_to_the_only_document_is_nothing(tmp_path):
    """Without others there is no hit."""
    collection = Collection.create(tmp_path / "one", FakeEncoder())
    collection.add([Document(id="a", text="a bee")])
    assert collection.similar("a") == []


@pytest.mark.parametrize(
    ("asked", "told"), [("notes/bees.md", "did you mean 'notes/bee.md'"), ("zzz", "search for it")]
)
def test_an_unknown_document_is_named_with_the_nearest(garden, asked, told):
    """The error suggests an id that is there."""
    garden.add([Document(id="notes/bee.md", text="a bee")])
    with pytest.raises(QueryError, match=told) as caught:
        garden.similar(asked)
    assert repr(asked) in str(caught.value)


def _zero_for_nothing(word, dimension, direction=fake_encoder.word_vector):
    return np.zeros(dimension) if word == "nothing" else direction(word, dimension)


def test_a_vector_of_zeros_has_neighbours_too(garden, monkeypatch):
    """It scores 0 with everything, and is found like others."""
    monkeypatch.setattr(fake_encoder, "word_vector", _zero_for_nothing)
    garden.add([Document(id="zeros", text="nothing")])
    assert [hit.score for hit in garden.search("nothing", k=100, mode="dense")] == [0] * 11
    assert len(garden.similar("zeros", 100)) == 7


@pytest.mark.parametrize("query", ["\0", "\u200b", " \ufffd\n"])
def test_a_query_without_a_token_is_empty(tmp_path, encoder, query):
    """Nothing is near to what the model cannot read; neither is it a document."""
    collection = Collection.create(tmp_path / "one", encoder)
    assert collection.add([Document(id="a", text=query), "a bee"]).empty == 1
    with pytest.raises(QueryError, match="empty"):
        collection.search(query, mode="dense")


def test_words_that_the_model_does_not_know_are_told(tmp_path, encoder):
    """A query in a script that the vocabulary has not is answered with a warning, and counted when it is stored."""
    collection = Collection.create(tmp_path / "one", encoder)
    report = collection.add(["ธนาคาร", "a bee", "bank ธนาคาร"])
    assert (report.unknown, report.tokens_unknown, collection.status().unknown) == (2, 2, 2)
    with pytest.warns(UnknownTokensWarning, match="does not know 1 tokens"):
        collection.search("ธนาคาร", mode="dense")


WORDS = st.sampled_from(["bee", "fly", "wing", "hill", "garden", "the"])
LINES = st.lists(WORDS, min_size=0, max_size=4).map(" ".join)
DOCUMENT_TEXTS = st.lists(LINES, min_size=1, max_size=4).map("\n".join)
IDS = st.sampled_from([f"d{n}" for n in range(12)])


class Life(RuleBasedStateMachine):
    """A collection beside a dictionary that must describe it."""

    @initialize(tail=st.sampled_from([16, 25, 1000]), dead=st.sampled_from([8, 1000]))
    def create(self, tail, dead):
        """An empty collection, which builds its index and removes deleted rows early or late."""
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(index_builder, "TAIL_ROWS", tail)
        self.patch.setattr(plan, "EXACT_MS", 0.0)
        self.patch.setattr(plan, "LISTS", 1)
        self.patch.setattr(writer, "DEAD_ROWS", dead)
        self.folder = Path(tempfile.mkdtemp())
        self.encoder = FakeEncoder()
        self.collection = Collection.create(self.folder / "life", self.encoder, CollectionSettings(unit="line"))
        self.model = {}

    @rule(documents=st.dictionaries(IDS, DOCUMENT_TEXTS, max_size=6))
    def add(self, documents):
        """Add new ones and replace old ones; blank ones go."""
        self.encoder.encoded = []
        changed = {name for name, text in documents.items() if text.strip() and self.model.get(name) != text}
        report = self.collection.add([Document(id=name, text=text) for name, text in documents.items()])
        assert report.added + report.updated == len(changed)
        lines = {line for name, _, line in passages(documents) if name in changed}
        assert set(self.encoder.encoded) <= lines - {line for _, _, line in passages(self.model)}
        assert len(self.encoder.encoded) == len(set(self.encoder.encoded)) == report.passages
        assert report.passages + report.reused == sum(name in changed for name, *_ in passages(documents))
        self.model.update(documents)
        self.model = {name: text for name, text in self.model.items() if text.strip()}

    @rule(names=st.lists(IDS, max_size=5))
    def delete(self, names):
        """Delete some, of which not all need be there."""
        assert self.collection.delete(names) == len(set(names) & set(self.model))
        self.model = {name: text for name, text in self.model.items() if name not in names}

    @rule()
    def reopen(self):
        """Go on with a new object."""
        self.collection.close()
        self.collection = Collection.open(self.folder / "life", self.encoder)

    @rule()
    def lose_index(self):
        """Delete the index file, which is only a cache."""
        lost = list((self.folder / "life").glob("index-*.faiss"))
        for file in lost:
            file.unlink()
        self.reopen()
        with pytest.warns(DamagedIndexWarning) if lost else nullcontext():
            self.collection.search("bee", mode="dense")

    @rule(query=st.lists(WORDS, min_size=1, max_size=3).map(" ".join), k=st.integers(1, 60))
    def search(self, query, k):
        """Compare with brute force."""
        check(self.collection.search(query, k=k, exact=True, mode="dense"), query, self.model, k)
        check(self.collection.search(query, k=k, mode="dense"), query, self.model, k, exact=False)

    @rule(factory=st.sampled_from(["auto", "HNSW8", "Flat"]))
    def choose(self, factory):
        """Have another index from the next write on."""
        self.collection.tune(factory=factory)

    @rule()
    def compact(self):
        """Remove deleted rows and build the index anew."""
        self.collection.compact()
        assert self.collection.status().deleted == 0

    @invariant()
    def counts(self):
        """Ids and counts are the dictionary's."""
        if hasattr(self, "collection"):
            assert list(self.collection.ids()) == sorted(self.model)
            status = self.collection.status()
            assert (status.documents, status.passages) == (len(self.model), len(passages(self.model)))

    def teardown(self):
        """Take the folder away."""
        if hasattr(self, "collection"):
            self.collection.close()
            self.patch.undo()
            shutil.rmtree(self.folder)


TestLife = Life.TestCase
TestLife.__doc__ = "Whatever is added, replaced, deleted and reopened: a search finds k of what is alive, exactly."
TestLife.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
