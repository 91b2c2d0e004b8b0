"""Explanations add up to the scores that they explain."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict

import pytest

from semsearch import Collection, CollectionSettings, Document, Encoder, EncoderOptions
from semsearch.lexical.terms import Analyzer
from semsearch.query.request import SearchRequest
from semsearch.query.search import answer_many
from tests.support.fake_encoder import FakeEncoder

DOCUMENTS = [
    Document("A bee collects nectar and makes honey.", id="bee", title="Insects"),
    Document("The jet burns kerosene when it flies.", id="jet"),
    Document("An eagle flies over the hills and hunts rabbits.", id="eagle"),
    Document("Flying insects and other insects: os.path.join is not one of them.", id="others"),
]


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """Four documents under the packaged model, in exact arithmetic."""
    path = tmp_path_factory.mktemp("explain") / "animals"
    collection = Collection.create(path, Encoder.load(precision="f32"))
    collection.add(DOCUMENTS)
    return collection


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
@pytest.mark.parametrize("query", ["insects that fly", "os.path.join", "who eats rabbits"])
def test_shares_add_up_to_the_scores(animals, query, mode):
    """Of tokens, of the query and of the passage, to the dense score; of words to the lexical one."""
    hits = animals.search(query, mode=mode, explain=True)
    plain = animals.search(query, mode=mode)
    assert [(hit.document, hit.score) for hit in hits] == [(hit.document, hit.score) for hit in plain]
    for hit in hits:
        told = hit.explanation
        assert told.ranks.keys() == hit.parts.keys()
        if "dense" in hit.parts:
            assert sum(share for _, share in told.tokens) == pytest.approx(hit.parts["dense"], abs=2e-3)
            assert sum(share for _, share in told.query_tokens) == pytest.approx(hit.parts["dense"], abs=2e-3)
        if "lexical" in hit.parts:
            assert sum(told.words.values()) == pytest.approx(hit.parts["lexical"], rel=1e-4, abs=1e-6)
            assert told.words.keys() <= Analyzer("en").query_terms(query).keys()


def test_ranks_are_those_of_each_list(animals):
    """A hybrid hit says where it would be by meaning and by words alone."""
    lists = {mode: animals.search("insects that fly", mode=mode) for mode in ("dense", "lexical")}
    for hit in animals.search("insects that fly", explain=True):
        for mode, hits in lists.items():
            ranks = {other.document: other.rank for other in hits}
            assert hit.explanation.ranks[mode] == ranks.get(hit.document)


def test_tokens_are_those_of_the_model_with_the_title_first(animals):
    """As the model reads them, special ones included."""
    (hit,) = [hit for hit in animals.search("insects", explain=True) if hit.document == "bee"]
    assert [token for token, _ in hit.explanation.tokens][:4] == ["[CLS]", "insects", "a", "bee"]
    assert [token for token, _ in hit.explanation.query_tokens] == ["[CLS]", "insects", "[SEP]"]


def test_words_of_the_query_are_highlighted_where_they_stand(animals):
    """By their stems, and compounds as a whole; nothing is told unless asked for."""
    hits = {hit.document: hit for hit in animals.search("an insect with os.path.join flies", highlight=True)}
    shown = {name: [hit.text[start:end] for start, end in hit.highlights] for name, hit in hits.items()}
    assert shown["others"] == ["insects", "insects", "os.path.join"]
    assert shown["jet"] == ["flies"]
    assert hits["jet"].explanation is None
    assert animals.search("insects")[0].highlights is None


def test_a_score_that_is_no_sum_over_tokens_has_no_shares(tmp_path):
    """Another pooling, another metric: ranks and words are told, tokens are not."""
    cls = Collection.create(tmp_path / "cls", Encoder.load(options=EncoderOptions(pooling="cls")))
    dot = Collection.create(tmp_path / "dot", Encoder.load(), CollectionSettings(metric="dot"))
    for collection in (cls, dot):
        collection.add(DOCUMENTS)
        told = collection.search("insects", explain=True)[0].explanation
        assert (told.tokens, told.query_tokens) == ((), ())
        assert told.ranks["dense"] in (1, 2)


def test_an_answer_of_nothing_is_explained_with_nothing(tmp_path):
    """Neither an empty collection nor a word that is nowhere is an error."""
    collection = Collection.create(tmp_path / "empty", FakeEncoder())
    assert collection.search("bee", explain=True, mode="lexical") == []


@pytest.mark.parametrize("query", ["the of and", "insects that fly"])
def test_stop_words_are_explained_as_they_are_counted(animals, query):
    """Beside meaning they add nothing, and nothing is told of them."""
    for hit in animals.search(query, explain=True):
        assert sum(hit.explanation.words.values()) == pytest.approx(hit.parts["lexical"], rel=1e-4, abs=1e-6)


def test_ranks_under_a_filter_are_those_of_what_may_be_found(animals):
    """In both lists."""
    where = "id != 'bee' and id != 'others'"
    for mode in ("dense", "lexical", "hybrid"):
        hits = animals.search("insects that fly over hills", mode=mode, where=where, explain=True)
        lists = {part: animals.search("insects that fly over hills", mode=part, where=where) for part in hits[0].parts}
        for hit in hits:
            for part, others in lists.items():
                ranks = {other.document: other.rank for other in others}
                assert hit.explanation.ranks[part] == ranks.get(hit.document)


def test_with_examples_the_passages_tokens_add_up(animals):
    """The question is not the query alone then, whose tokens are left out."""
    for hit in animals.search("insects", like=["jet"], unlike=["food"], explain=True):
        assert sum(share for _, share in hit.explanation.tokens) == pytest.approx(hit.parts["dense"], abs=2e-3)
        assert hit.explanation.query_tokens == ()


def test_requests_together_are_explained_each_by_its_own_query(animals):
    """Also if only one of them wants it."""
    first, second = answer_many(
        animals._store, [SearchRequest("insects", explain=True), SearchRequest("rabbits", highlight=True)]
    )
    assert first == animals.search("insects", explain=True)
    assert second == animals.search("rabbits", highlight=True)


def test_texts_are_encoded_when_their_tokens_are_looked_at(animals, monkeypatch):
    """The question once for all hits; a copy and what JSON gets are the same shares as a tuple."""
    encoded = []
    encode = Encoder.encode_tokens_counted

    def note(encoder, texts, *args, **options):
        encoded.extend(texts)
        return encode(encoder, texts, *args, **options)

    monkeypatch.setattr(Encoder, "encode_tokens_counted", note)
    first, second, *_ = animals.search("insects that fly", explain=True)
    assert encoded == []
    assert [token for token, _ in first.explanation.query_tokens] == ["[CLS]", "insects", "that", "fly", "[SEP]"]
    assert second.explanation.query_tokens != first.explanation.query_tokens
    assert encoded == ["insects that fly"]
    tokens = first.explanation.tokens
    assert "looked at" in repr(tokens)
    assert len(tokens) == len(list(tokens)) > 4
    assert len(encoded) == 2
    copied = copy.deepcopy(tokens)
    assert type(copied) is type(pickle.loads(pickle.dumps(tokens))) is tuple  # noqa: S301 - our own
    assert tokens == copied == tokens[:]
    assert asdict(first)["explanation"]["tokens"] == copied
    assert len(encoded) == 2


@pytest.mark.parametrize(
    "options", [{}, {"mode": "dense"}, {"mode": "lexical"}, {"like": ["jet"], "per_document": True}]
)
def test_what_the_filter_has_removed_is_told(animals, options):
    """Hits that the page has without the filter and not with it, with the ranks that they had."""
    where = "id != 'bee' and id != 'eagle'"
    for k, offset in ((1, 0), (2, 0), (4, 0), (2, 1)):
        whole = animals.search("insects that fly", k, offset=offset, **options)
        some = animals.search("insects that fly", k, offset=offset, where=where, explain=True, **options)
        expected = [(hit.document, hit.rank, hit.score) for hit in whole if hit.document in ("bee", "eagle")]
        assert [(hit.document, hit.rank, hit.score) for hit in some.removed] == expected
    assert animals.search("insects", explain=True, **options).removed == ()
    assert animals.search("insects", where=where, **options).removed == ()
