"""The canary at a question: an encoder that has drifted since the collection was made is noticed before it answers."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch import Collection, Document
from semsearch.common.errors import SpaceMismatchError
from tests.support.fake_encoder import FakeEncoder


class DriftingEncoder(FakeEncoder):
    """An encoder whose vectors change when it is told, as with another driver; it counts what it is asked."""

    drifted = False

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    def encode(self, texts, role=None):
        """Other vectors after the drift."""
        self.asked.append(list(texts))
        vectors = super().encode(texts, role)
        return np.roll(vectors, 1, axis=1) if self.drifted else vectors


ASKING = {
    "search": lambda notes: notes.search("bee"),
    "search_many": lambda notes: notes.search_many(["bee", "fly"]),
    "within": lambda notes: notes.within("bee", 0.1),
    "analogy": lambda notes: notes.analogy(["bee", "fly"], ["wing"]),
    "analogy by products": lambda notes: notes.analogy(["bee", "fly"], ["wing"], formula="3cosmul"),
    "contexts": lambda notes: notes.contexts("bee"),
}


@pytest.fixture
def path(tmp_path):
    """A collection made before the drift."""
    with Collection.create(tmp_path / "notes", FakeEncoder()) as collection:
        collection.add([Document("a bee has a wing", id="a"), Document("a fly", id="b")])
    return collection.path


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_every_question_that_is_encoded_notices_a_drift(make, ask):
    """The first and every further question is refused, by a collection that is open and by one that is opened."""
    notes = make(unit="document", word_vectors=True)
    notes.add(["a bee has a wing", "a fly and a bee"])
    drifting = DriftingEncoder()
    drifting.drifted = True
    with Collection.open(notes.path, drifting) as opened:
        for _ in range(2):
            with pytest.raises(SpaceMismatchError, match="its runtime has drifted"):
                ask(opened)
        drifting.drifted = False
        assert ask(opened)


def test_questions_by_vectors_and_documents_are_answered(path):
    """What needs no encoder works with one that has drifted."""
    drifting = DriftingEncoder()
    drifting.drifted = True
    with Collection.open(path, drifting) as opened:
        assert opened.search_vectors(FakeEncoder().encode(["bee"]))[0]
        assert opened.similar("a")
    assert drifting.asked == []


def test_an_encoder_is_compared_once_at_a_question(path):
    """The second question encodes itself alone; another encoder is compared again."""
    first, second = DriftingEncoder(), DriftingEncoder()
    with Collection.open(path, first) as opened:
        opened.search("bee")
        assert len(first.asked) > 1
        first.asked.clear()
        opened.search("bee")
        assert first.asked == [["bee"]]
        opened._store.attach(second)
        opened.search("bee")
        assert len(second.asked) > 1


def test_a_drift_between_making_and_asking_is_noticed_by_the_same_object(tmp_path):
    """That a write has compared the encoder does not spare the question."""
    drifting = DriftingEncoder()
    with Collection.create(tmp_path / "own", drifting) as notes:
        notes.add(["a bee"])
        drifting.drifted = True
        with pytest.raises(SpaceMismatchError):
            notes.search("bee")


def test_answers_are_those_without_a_comparison(path):
    """Hits and scores of the first question are, to the bit, those of a second one."""
    with Collection.open(path, FakeEncoder()) as opened:
        first = opened.search("a bee")
        assert [(hit.text, hit.score) for hit in first] == [(hit.text, hit.score) for hit in opened.search("a bee")]


def test_an_older_collection_has_nothing_to_compare(path):
    """A collection without a canary answers."""
    drifting = DriftingEncoder()
    with Collection.open(path, drifting) as opened:
        object.__setattr__(opened._store.definition, "canary", None)
        assert opened.search("bee")
    assert drifting.asked == [["bee"]]
