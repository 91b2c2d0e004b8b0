"""The whole way with the packaged model: its vectors, its windows, its neighbours."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document, Unit

TEXTS = {
    "bee": "A bee has wings.",
    "jet": "A jet flies.",
    "bread": "Bread is baked from flour.",
    "loan": "The bank grants a loan at five per cent.",
    "蜂": "蜜蜂有翅膀。",
    "emoji": "🐝",
}


@pytest.fixture(scope="module")
def sample(encoder, tmp_path_factory):
    """A few short documents."""
    collection = Collection.create(tmp_path_factory.mktemp("model") / "sample", encoder)
    collection.add([Document(id=name, text=text) for name, text in TEXTS.items()])
    return collection


@pytest.mark.parametrize(
    ("query", "nearest"), [("insects that fly", "bee"), ("money from a lender", "loan"), ("a bakery", "bread")]
)
def test_similar_is_close(sample, encoder, query, nearest):
    """The nearest in meaning comes first, and all scores are cosines of what the encoder gives."""
    hits = sample.search(query, k=10)
    assert hits[0].document == nearest
    assert {hit.document for hit in hits} == set(TEXTS)
    truth = encoder.encode([hit.text for hit in hits]) @ encoder.encode([query])[0]
    np.testing.assert_allclose([hit.score for hit in hits], truth, atol=1e-3)


def test_similar_documents(sample):
    """The bee is nearer to the other things with wings than to a loan."""
    order = [hit.document for hit in sample.similar("bee")]
    assert order.index("jet") < order.index("loan")
    assert set(order) == set(TEXTS) - {"bee"}


def test_the_past_tense_is_an_analogy(tmp_path, encoder):
    """What is to "sings" as "walked" is to "walks" is "sang", with the score of the encoder's own vectors."""
    collection = Collection.create(tmp_path / "tenses", encoder)
    collection.add(["He sings a song.", "He sang a song.", "They sing songs.", "A song is sung.", "We ate bread."])
    walks, walked, sings, sang = encoder.encode(
        ["She walks to school.", "She walked to school.", "He sings a song.", "He sang a song."]
    )
    question = (["She walked to school.", "He sings a song."], ["She walks to school."])
    target = walked + sings - walks
    itself, best = collection.analogy(*question, 1)
    assert [(one.rank, one.hit.text) for one in (itself, best)] == [(None, "He sings a song."), (1, "He sang a song.")]
    assert best.hit.score == pytest.approx(float(sang @ target / np.linalg.norm(target)), abs=1e-3)
    (best,) = collection.analogy(*question, 1, "3cosmul")
    assert (best.rank, best.hit.text) == (1, "He sang a song.")
    assert best.hit.score == pytest.approx(
        float((sang @ walked + 1) * (sang @ sings + 1) / (sang @ walks + 1) / 2), 1e-3
    )


def test_nothing_of_a_long_text_is_cut(tmp_path, encoder):
    """Windows, titles included, fit the model, and cover a text of two thousand words; its end is found."""
    rng = np.random.default_rng(0)
    words = rng.choice(["bee", "garden", "internationalisation", "don't", "naïve", "1,234.5", "蜜蜂"], 2000)
    text = " ".join(words) + " and finally a submarine dives"
    collection = Collection.create(tmp_path / "long", encoder, CollectionSettings(unit=Unit.WINDOW))
    report = collection.add([Document(id="a", text=text, title="A very long text")])
    assert (report.truncated, report.tokens_cut) == (0, 0)
    hits = sorted(collection.search("submarine", k=1000), key=lambda hit: hit.passage)
    spans = [(hit.start, hit.end) for hit in hits]
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(after[0] <= before[1] + 1 for before, after in pairwise(spans))
    assert collection.search("submarine", k=1)[0].end == len(text)


def test_a_second_run_leaves_the_model_alone(sample, monkeypatch):
    """Equal documents are recognised by their hashes."""
    monkeypatch.setattr(type(sample.encoder), "encode_counted", None)
    assert sample.add([Document(id=name, text=text) for name, text in TEXTS.items()]).unchanged == len(TEXTS)
