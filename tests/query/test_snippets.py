"""The best sentence of a hit, beside sentences that are documents of their own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document, Encoder
from semsearch.common.errors import QueryError, TruncationWarning
from tests.support.fake_encoder import FakeEncoder

SENTENCES = [
    "The town lies by a lake.",
    "Bees make honey from the nectar of flowers.",
    "On Sundays a brass band plays in the park.",
    "Jets need kerosene, which is made of crude oil.",
    "Part ZX-4711 fits the green feeder.",
]
QUESTIONS = ["insects and what they eat", "music outdoors", "fuel of planes", "ZX-4711", "water"]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """One passage of five sentences with white space around them, and one of a single sentence."""
    collection = Collection.create(
        tmp_path_factory.mktemp("snippets") / "town", Encoder.load(), CollectionSettings(unit="document")
    )
    collection.add([Document("  " + "  \n ".join(SENTENCES) + " ", "town"), Document("A goose swims.", "goose")])
    return collection


@pytest.mark.parametrize("question", QUESTIONS)
def test_by_meaning_it_is_the_sentence_nearest_to_the_question(town, question):
    """The span is that of the sentence whose own vector is nearest, without white space."""
    nearest = SENTENCES[int(np.argmax(town.encoder.encode(SENTENCES) @ town.encoder.encode([question], "query")[0]))]
    (hit, *_) = [hit for hit in town.search(question, mode="dense", snippet=True) if hit.document == "town"]
    start, end = hit.snippet
    assert hit.text[start:end] == nearest


@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
@pytest.mark.parametrize(("question", "sentence"), [("ZX-4711", 4), ("the lake and kerosene of crude oil", 3)])
def test_by_words_it_is_the_sentence_that_has_most_of_them(town, mode, question, sentence):
    """Names and rare words count."""
    (hit,) = [hit for hit in town.search(question, mode=mode, snippet=True) if hit.document == "town"]
    assert hit.text[slice(*hit.snippet)] == SENTENCES[sentence]


def test_a_single_sentence_is_the_snippet(town):
    """Nothing is encoded for it; without the option there is none, and without a text it is refused."""
    (hit,) = [hit for hit in town.search("goose", snippet=True) if hit.document == "goose"]
    assert hit.snippet == (0, len(hit.text))
    assert town.search("goose")[0].snippet is None
    with pytest.raises(QueryError, match="best sentence"):
        town.search(like=["goose"], snippet=True)


def test_snippets_go_with_many_questions_pages_and_examples(tmp_path):
    """Each hit of each question has one, whatever else is asked for."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder(), CollectionSettings(unit="document"))
    collection.add([f"a bee number {n}. the jet {n}. honey {n % 3}." for n in range(12)])
    for hits in collection.search_many(["bee", "honey 2"], 4, offset=2, snippet=True, explain=True):
        assert [0 <= hit.snippet[0] < hit.snippet[1] <= len(hit.text) for hit in hits] == [True] * 4
    (hit, *_) = collection.search("honey", like=["honey"], snippet=True)
    assert "honey" in hit.text[slice(*hit.snippet)]


def test_long_texts_have_a_snippet_without_a_warning(tmp_path):
    """A sentence that is longer than the model reads is no mistake of the question; of a book the beginning is read."""
    collection = Collection.create(tmp_path / "long", Encoder.load(), CollectionSettings(unit="document"))
    with pytest.warns(TruncationWarning):
        collection.encoder.encode(["bee " * 600])
    collection.add([Document(f"A short one. {'bee ' * 600}. The end.", "a"), Document("One bee. " * 3000, "book")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for hit in collection.search("bees", snippet=True):
            assert hit.text[slice(*hit.snippet)].strip()
