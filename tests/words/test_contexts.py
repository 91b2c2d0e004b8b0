"""Words in context with the packaged model: occurrences by their sense, senses, and questions without an answer."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedError, QueryError, SampleWarning
from semsearch.words.contexts import occurrences as module

RIVER = [
    "They sat on the bank of the river and fished.",
    "Willows grow along the muddy bank of the stream.",
    "The boat drifted to the far bank of the river.",
    "Otters live in a hole in the river bank.",
    "We swam across the water to the opposite bank.",
]
MONEY = [
    "The bank raised its interest rates again.",
    "She took out a loan from the bank.",
    "My bank charges a fee for every account.",
    "The robbers stole the money from the bank.",
    "He works as a clerk in a bank in the city.",
    "The bank manager signed the cheque.",
]
ANIMALS = [
    "A bat hung upside down in the cave.",
    "The bat flew out at dusk to hunt moths.",
    "A bat uses echoes to find insects in the dark.",
    "The wings of a bat are thin skin between its fingers.",
]
SPORT = [
    "He swung the bat and hit the ball.",
    "The batsman raised his bat after the match.",
    "She bought a baseball bat and a glove.",
]
BIRDS = [
    "A crane waded through the marsh on long legs.",
    "The crane spread its wings and flew to its nest.",
    "A crane laid two eggs in its nest in the reeds.",
    "A crane and a heron looked for frogs in the pond.",
]
MACHINES = [
    "The crane lifted the steel beams onto the roof.",
    "A crane unloaded containers from the ship.",
    "The operator of the crane lowered the concrete block.",
    "At the building site a tower crane hoisted the bricks.",
    "The hook of the crane hung over the harbour.",
]
AWKWARD = Document(
    id="awkward", title="A bank in a title", text="🐝🐝 The BANK\n said: “no”. bank\u0301! 北京, Über-bank… E-Bank's"
)
VIOLINS = [
    "She plays the violin in an orchestra.",
    "The violin has four strings.",
    "He tuned his violin before the concert.",
    "A violin and a cello played in the courtyard.",
    "The old violin was sold at an auction.",
    "My sister practises the violin every day.",
]
TEXTS = [*RIVER, *MONEY, *ANIMALS, *SPORT, *BIRDS, *MACHINES]


@pytest.fixture(scope="module")
def sample(encoder, tmp_path_factory):
    """Short sentences with words of several senses."""
    collection = Collection.create(tmp_path_factory.mktemp("contexts") / "sample", encoder)
    documents = [Document(id=text, text=text, source="sentences", metadata={"n": n}) for n, text in enumerate(TEXTS)]
    collection.add([*documents, AWKWARD, "Sandbanks and bankers are other words."])
    return collection


@pytest.fixture
def make(encoder, tmp_path):
    """A collection of these documents."""

    def made(*documents, **settings):
        collection = Collection.create(
            tmp_path / f"made-{len(list(tmp_path.iterdir()))}", encoder, CollectionSettings(**settings)
        )
        collection.add(documents)
        return collection

    return made


@pytest.mark.parametrize(
    ("word", "sentence", "sense"),
    [
        ("bank", "We walked along the bank of the river.", RIVER),
        ("Bank", "Which bank has the best savings account?", MONEY),
        ("bat", "A bat is a mammal that can fly.", ANIMALS),
        ("bat", "The player broke his bat.", SPORT),
        ("crane", "A crane is a bird with long legs.", BIRDS),
        ("crane", "The crane lifted a load at the building site.", MACHINES),
    ],
)
def test_occurrences_of_the_same_sense_come_first(sample, word, sentence, sense):
    """The sense is that of the sentence."""
    hits = [hit for hit in sample.contexts(word, sentence, k=100) if hit.document in TEXTS]
    assert {hit.document for hit in hits[: len(sense)]} == set(sense)
    assert len(hits) > len(sense)


@pytest.mark.parametrize("sentence", ["The bank of the Thames is steep.", "The bank and the bank.", None])
def test_scores_are_cosines_of_the_last_layer(make, encoder, sentence):
    """Of the word in the document's text and in the sentence, or by itself, without the mean of one occurrence more."""

    def mean_direction(text):
        (found,) = encoder.encode_tokens([text])
        rows = [row for row, one in enumerate(found.tokens.tokens) if one == "bank"]
        units = found.vectors[rows] / np.linalg.norm(found.vectors[rows], axis=1, keepdims=True)
        return units.mean(axis=0) / np.linalg.norm(units.mean(axis=0))

    hits = make(*(Document(id=text, text=text) for text in [*RIVER, *MONEY])).contexts("bank", sentence, k=100)
    assert {hit.document for hit in hits} == {*RIVER, *MONEY}
    vectors, query = np.stack([mean_direction(hit.document) for hit in hits]), mean_direction(sentence or "bank")
    common = vectors.sum(axis=0) / (len(hits) + 1)
    dot = (vectors - common) @ (query - common)
    expected = dot / np.linalg.norm(vectors - common, axis=1) / np.linalg.norm(query - common)
    np.testing.assert_allclose([hit.score for hit in hits], expected, atol=1e-5)
    assert expected.tolist() == sorted(expected, reverse=True)


def test_an_occurrence_says_all_about_itself(sample):
    """Rank, document, the word as it is written, its place, what is around it, source and metadata."""
    hits = sample.contexts("bank", RIVER[0], k=2)
    assert [hit.rank for hit in hits] == [1, 2]
    first = hits[0]
    assert (first.document, first.passage, first.word, first.start, first.end) == (RIVER[0], 0, "bank", 16, 20)
    assert (first.snippet, first.title, first.source, first.metadata) == (RIVER[0], None, "sentences", {"n": 0})
    assert first.score == pytest.approx(1, abs=1e-5)


def test_offsets_count_characters_of_the_document(sample):
    """Behind emoji, in other cases, at hyphens; not in the title, and not with another accent."""
    hits = [hit for hit in sample.contexts("bank", k=100) if hit.document == "awkward"]
    places = [found.span() for found in re.finditer(r"BANK|bank(?!\u0301)|Bank", AWKWARD.text)]
    assert sorted((hit.start, hit.end) for hit in hits) == places
    assert len(places) == 3
    assert {hit.word for hit in hits} == {"BANK", "bank", "Bank"}
    assert all(AWKWARD.text[hit.start : hit.end] == hit.word for hit in hits)
    assert {hit.title for hit in hits} == {AWKWARD.title}


def test_several_words_and_words_of_several_pieces(make):
    """Are found as a whole."""
    collection = make("He left New\nYork for Ouagadougou.", "The new york of old.", "new, york", "york new")
    assert sorted(hit.word for hit in collection.contexts("new York")) == ["New\nYork", "new york"]
    (hit,) = collection.contexts("ouagadougou", "Ouagadougou is a capital.")
    assert hit.word == "Ouagadougou"


def test_an_occurrence_in_two_windows_counts_once(make):
    """A long document in overlapping windows gives each of its occurrences once, from the window with more context."""
    rng = np.random.default_rng(0)
    text = " ".join(rng.choice(["bank", "river", "water", "unaffable", "bee."], 400))
    collection = make(Document(id="long", text=text, title="Water"), window=40, overlap=12)
    hits = collection.contexts("bank", k=1000)
    assert sorted(hit.start for hit in hits) == [found.start() for found in re.finditer("bank", text)]
    spans = {hit.passage: (hit.start, hit.end) for hit in collection.search("bank", k=1000)}

    def room(start, end, passage):
        first, last = spans[passage]
        return min(start - first, last - end) if first <= start and end <= last else -1

    for hit in hits:
        best = max(room(hit.start, hit.end, passage) for passage in spans)
        assert room(hit.start, hit.end, hit.passage) == best


def test_snippets_are_cut_between_words(make):
    """As much as fits on both sides, within the passage."""
    before, behind = " ".join(["left"] * 40), " ".join(["right"] * 40)
    (hit,) = make(f"{before} bank {behind}").contexts("bank")
    assert hit.snippet == "…" + "left " * 11 + "bank" + " right" * 9 + "…"
    assert len(hit.snippet) <= 2 * module.AROUND + 6


def test_a_frequent_word_is_answered_from_a_sample(make, monkeypatch):
    """Passages all over the collection, and how many there were is told."""
    collection = make(*[f"Sentence {number} about a bank." for number in range(40)], "bankers")
    monkeypatch.setattr(module, "MOST_PASSAGES", 8)
    with pytest.warns(SampleWarning, match="40 passages may have 'bank'; 8 of them, .* have it 8 times"):
        hits = collection.contexts("bank", k=100)
    numbers = sorted(int(re.findall(r"\d+", hit.snippet)[0]) for hit in hits)
    assert len(numbers) == 8
    assert np.diff(numbers).max() <= 6
    assert (numbers[0], numbers[-1]) == (0, 39)
    monkeypatch.setattr(module, "MOST_CHARACTERS", 60)
    with pytest.warns(SampleWarning, match="have it 2 times"):
        assert len(collection.contexts("bank", k=100)) == 2


def test_deleted_documents_have_no_occurrences(make):
    """Nor have their words senses."""
    collection = make(Document(id="a", text="A bank."), Document(id="b", text="The bank."))
    collection.delete(["a"])
    assert [hit.document for hit in collection.contexts("bank")] == ["b"]
    assert [sense.count for sense in collection.senses("bank")] == [1]
    collection.delete(["b"])
    with pytest.raises(QueryError, match="has no words; add documents"):
        collection.contexts("bank")


@pytest.mark.parametrize(
    ("word", "senses"), [("bank", [MONEY, RIVER]), ("bat", [ANIMALS, SPORT]), ("crane", [BIRDS, MACHINES])]
)
def test_senses_are_told_apart(make, word, senses):
    """Each sense has the sentences of one, the larger first, with their share."""
    found = make(*(Document(id=text, text=text) for sense in senses for text in sense)).senses(word, k=10)
    groups = [{hit.document for hit in sense.central} for sense in found]
    assert sorted(groups, key=min) == sorted(map(set, senses), key=min)
    assert [sense.number for sense in found] == [1, 2]
    assert [sense.count for sense in found] == sorted(map(len, groups), reverse=True)
    assert sum(sense.share for sense in found) == pytest.approx(1)


def test_a_sense_says_what_is_typical_for_it(make):
    """Words around its occurrences, and the nearest of these to their mean first."""
    money, river = make(*MONEY, *RIVER).senses("bank", k=2)
    assert "river" in river.typical
    assert not {"river", "bank"} & set(money.typical)
    for sense in (money, river):
        assert len(sense.central) == 2
        assert [hit.rank for hit in sense.central] == [1, 2]
        assert sense.central[0].score >= sense.central[1].score


def test_texts_that_are_there_twice_have_senses(make):
    """Equal sentences are equal contexts, and go together."""
    senses = make(*(Document(id=f"{n} {text}", text=text) for n in (1, 2) for text in [*RIVER, *MONEY])).senses("bank")
    assert sum(sense.count for sense in senses) == 2 * len(RIVER + MONEY)


def test_a_word_with_one_sense_has_one(make):
    """However many occurrences."""
    (sense,) = make(*(Document(id=text, text=text) for text in [*VIOLINS, *MONEY])).senses("violin")
    assert (sense.number, sense.count, sense.share) == (1, 6, 1.0)
    assert {hit.document for hit in sense.central} <= set(VIOLINS)


@pytest.mark.parametrize("ask", ["contexts", "senses"])
@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("", "no token but special ones in ''"),
        (" \n", "no token but special ones"),
        ("[SEP]", "no token but special ones in '\\[SEP\\]'"),
        ("🐝", "no token but special ones in '🐝'"),
        ("\0", "no token but special ones"),
        ("bnak", "no 'bnak' in collection 'sample'; did you mean 'Bank'"),
        ("Willow", "did you mean 'Willows'"),
        ("zzzzzz", "no 'zzzzzz' in collection 'sample'; see what it has"),
        ("sand", "no 'sand' in"),
    ],
)
def test_words_that_are_not_there(sample, ask, word, named):
    """The message quotes the word, and suggests what may have been meant."""
    with pytest.raises(QueryError, match=named):
        getattr(sample, ask)(word)


def test_a_sentence_without_the_word(sample):
    """It is quoted, and so is one that has it only as a part of another."""
    for sentence in ("The river is wide.", "The bankers left.", ""):
        with pytest.raises(QueryError, match=f"'bank' is not a word of the sentence '{sentence}'"):
            sample.contexts("bank", sentence)


@pytest.mark.parametrize("k", [0, -1, 1.5, None])
def test_k_must_be_positive(sample, k):
    """As everywhere."""
    for ask in (sample.senses, lambda word, k: sample.contexts(word, k=k)):
        with pytest.raises(QueryError, match="ask for at least 1"):
            ask("bank", k)


@pytest.mark.parametrize(
    "change", ["text = text || ' bank'", "text = 'A bark.'", "text = CAST(x'ff62616e6bff' AS TEXT)"]
)
def test_a_damaged_text_is_not_served(make, change):
    """A text that does not match its hash is an error, whether it has the word, has lost it or is no text at all."""
    collection = make("A bank.")
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection, connection:
        connection.execute(f"UPDATE documents SET {change}")
    with pytest.raises(DamagedError, match="run: semsearch verify"):
        collection.contexts("bank")


def test_stored_word_vectors_give_the_same_answers(make, encoder, tmp_path):
    """Up to their rounding to 255 steps, with the packaged model; and the nearest of all words have the sense, too."""
    collection = Collection.create(tmp_path / "stored", encoder, CollectionSettings(word_vectors=True))
    documents = [Document(id=text, text=text) for text in [*RIVER, *MONEY]]
    collection.add([*documents, AWKWARD])
    sentence = "We walked along the bank of the river."
    fresh = make(*documents, AWKWARD).contexts("bank", sentence, k=100)
    stored = collection.contexts("bank", sentence, k=100, same_word=True)
    scores = {(hit.document, hit.start, hit.word, hit.snippet): hit.score for hit in fresh}
    assert len(stored) == len(fresh) == 14
    ours = {(hit.document, hit.start, hit.word, hit.snippet): hit.score for hit in stored}
    assert ours == pytest.approx(scores, abs=0.02)
    assert {hit.document for hit in stored[:5]} == set(RIVER)
    assert [sense.count for sense in collection.senses("bank")] == [
        sense.count for sense in make(*documents, AWKWARD).senses("bank")
    ]
    nearest = collection.contexts("shore", "She sat on the shore of the river.", k=6)
    assert {hit.document for hit in nearest} <= set(RIVER)
    assert {"river", "water"} <= {hit.word for hit in nearest}
