"""Lexical and hybrid search against all scores of all passages."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document, Metric
from semsearch.common.errors import QueryError, TruncationWarning
from semsearch.encoder.encoder import Encoded
from semsearch.query.request import SearchRequest
from semsearch.query.retrieval import fusion
from semsearch.query.search import answer
from tests.lexical.test_bm25 import brute_force
from tests.support.fake_encoder import FakeEncoder

LINES = [f"bee{n % 11} wing{n % 7} honey{n % 3} of sky{n}" if n % 4 else f"far away {n}" for n in range(150)]
QUERIES = ["bee3 wing2", "honey1 sky17 sky18", "sky5", "nothing", "the of", "bee1 bee2 bee3 away"]


@pytest.fixture(scope="module", params=list(Metric), ids=str)
def lines(request, tmp_path_factory):
    """150 lines in two documents and three commits, without and with an equal one."""
    path = tmp_path_factory.mktemp("hybrid") / "lines"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="line", metric=request.param))
    collection.add([Document("\n".join(LINES[:70]), id="a")])
    collection.add([Document("\n".join(LINES[70:140]), id="b"), Document("gone bee3 sky5", id="gone")])
    collection.add([Document("\n".join(LINES[140:]), id="c")])
    collection.delete(["gone"])
    return collection


def all_scores(collection, query):
    """Dense and lexical scores of all lines by their numbers; dense ones as the exact search has them."""
    dense = np.empty(len(LINES))
    for hit in collection.search(query, k=1000, mode="dense", exact=True):
        dense[line_of(hit)] = hit.score
    return dense, brute_force(LINES, query)


def fused(dense, lexical, metric):
    """The definition."""
    if not lexical.any():
        return dense
    high = dense.max()
    low = high - abs(high)
    scores = fusion.DENSE_WEIGHT * dense + fusion.LEXICAL_WEIGHT * (low + (high - low) * lexical / lexical.max())
    return np.where((dense >= 1) & (metric is Metric.COSINE), dense, scores)


@functools.cache
def any_text_collection():
    """A few lines, made once."""
    collection = Collection.create(Path(tempfile.mkdtemp()) / "any", FakeEncoder(), CollectionSettings(unit="line"))
    collection.add(["a bee", "AND OR NOT", "x:y", "東京"])
    return collection


def line_of(hit):
    """The number of a hit's line."""
    return {"a": 0, "b": 70, "c": 140}[hit.document] + hit.passage


@pytest.mark.parametrize("k", [1, 7, 150, 1000])
@pytest.mark.parametrize("query", QUERIES)
def test_a_hybrid_answer_is_that_of_fusing_all_scores(lines, monkeypatch, query, k):
    """However few passages are retrieved at first, nothing that could be better is missed."""
    dense, lexical = all_scores(lines, query)
    expected = fused(dense, lexical if query != "the of" else np.zeros_like(lexical), lines.settings.metric)
    for depth, most in ((1, 2), (3, 1000), (100, 5000)):
        monkeypatch.setattr(fusion, "LEAST_RETRIEVED", depth)
        monkeypatch.setattr("semsearch.query.search.LEAST_RETRIEVED", depth)
        monkeypatch.setattr(fusion, "MOST_LOOKED_UP", most)
        hits = lines.search(query, k=k, exact=True)
        assert len({line_of(hit) for hit in hits}) == len(hits) == min(k, len(LINES))
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(expected)[::-1][:k], atol=1e-4)
        np.testing.assert_allclose([hit.score for hit in hits], expected[[line_of(hit) for hit in hits]], atol=1e-4)
        np.testing.assert_allclose([hit.parts["dense"] for hit in hits], dense[[line_of(hit) for hit in hits]])
        assert hits.total == len(LINES)


def ranked(scores, listed):
    """The lines of the best scores above their floor, best first, the lower line first among equal ones."""
    order = sorted(range(len(scores)), key=lambda line: (-scores[line], line))
    return order[:listed]


@pytest.mark.parametrize("listed", [5, 40, 1000])
@pytest.mark.parametrize("query", QUERIES)
def test_reciprocal_ranks_are_added_up(lines, monkeypatch, query, listed):
    """The score is the sum of 1 / (60 + rank) over the lists that have the passage; the others come behind."""
    monkeypatch.setattr("semsearch.query.retrieval.rank_fusion.LISTED", listed)
    monkeypatch.setattr("semsearch.query.search.LISTED", listed)
    dense, lexical = all_scores(lines, query)
    dense_order = [line_of(hit) for hit in lines.search(query, k=listed, mode="dense", exact=True)]
    with_words = [] if query == "the of" else [line for line in ranked(lexical, len(LINES)) if lexical[line]][:listed]
    expected = np.zeros(len(LINES))
    for order in (dense_order, with_words):
        for rank, line in enumerate(order, start=1):
            expected[line] += 1 / (60 + rank)
    hits = lines.search(query, k=1000, fusion="ranks", exact=True)
    found = [line_of(hit) for hit in hits]
    assert sorted(found) == list(range(len(LINES)))
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(expected)[::-1], rtol=1e-5)
    np.testing.assert_allclose([hit.score for hit in hits], expected[found], rtol=1e-5)
    behind = [line for line in found if not expected[line]]
    assert [dense[line] for line in behind] == sorted((dense[line] for line in behind), reverse=True)


def test_a_fusion_is_one_of_two_and_of_a_hybrid_search(lines):
    """Others are refused by name; so is one where nothing is added up."""
    with pytest.raises(QueryError, match="unknown fusion 'rrf'; choose one of scores, ranks"):
        lines.search("bee3", fusion="rrf")
    with pytest.raises(QueryError, match="only a search of the mode hybrid"):
        lines.search("bee3", fusion="ranks", mode="dense")


@pytest.mark.parametrize("query", [query for query in QUERIES if query not in ("nothing", "the of")])
def test_a_lexical_answer_has_all_that_have_a_word(lines, query):
    """With BM25's scores, best first; passages without any of the words are none of it."""
    scores = brute_force(LINES, query)
    hits = lines.search(query, k=1000, mode="lexical")
    assert sorted(map(line_of, hits)) == np.flatnonzero(scores).tolist()
    assert hits.total == len(hits)
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(scores)[::-1][: len(hits)], rtol=1e-4)
    assert [hit.score for hit in hits[:3]] == [hit.score for hit in lines.search(query, k=3, mode="lexical")]
    assert [hit.parts for hit in hits] == [{"lexical": hit.score} for hit in hits]


def test_what_no_passage_has_is_found_by_no_word(lines):
    """A lexical search of a word that is nowhere, or of signs alone, has no hit; a hybrid one goes by meaning."""
    assert lines.search("nothing", mode="lexical") == []
    assert lines.search("?!", mode="lexical") == []
    dense = lines.search("nothing", k=5, mode="dense")
    assert [hit.score for hit in lines.search("nothing", k=5)] == [hit.score for hit in dense]


def test_stop_words_alone_can_be_looked_for(lines):
    """They are words like others where there are no others, in a lexical search."""
    assert len(lines.search("of", k=1000, mode="lexical")) == sum(" of " in line for line in LINES)


@pytest.mark.parametrize(
    "options", [{"mode": "dense"}, {"mode": "lexical"}, {"mode": "hybrid"}, {"fusion": "ranks"}], ids=str
)
def test_pages_neither_overlap_nor_skip(lines, monkeypatch, options):
    """Put together they are the whole answer, with ranks that go on."""
    monkeypatch.setattr("semsearch.query.retrieval.rank_fusion.LISTED", 15)
    monkeypatch.setattr("semsearch.query.search.LISTED", 15)
    whole = lines.search("bee3 wing2 away", k=60, **options)
    pages = [hit for page in range(6) for hit in lines.search("bee3 wing2 away", k=10, offset=10 * page, **options)]
    assert pages == list(whole)
    assert [hit.rank for hit in pages] == list(range(1, 61))
    assert lines.search("bee3", k=10, offset=10_000, **options) == []


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_one_hit_a_document(lines, mode):
    """The best passage of each, in the order of the passages' scores."""
    everything = lines.search("bee3 wing2 away", k=1000, mode=mode)
    firsts = {hit.document: hit for hit in reversed(everything)}
    expected = sorted(firsts.values(), key=lambda hit: hit.rank)
    found = lines.search("bee3 wing2 away", k=2, per_document=True, mode=mode)
    assert [(hit.document, hit.passage) for hit in found] == [(hit.document, hit.passage) for hit in expected[:2]]


def test_a_least_score_is_one_of_one_kind(lines):
    """By meaning unless by words is asked for; a score of both cannot be reached by a number."""
    scores = brute_force(LINES, "bee3 wing2")
    hits = lines.within("bee3 wing2", 2.0, mode="lexical")
    assert sorted(map(line_of, hits)) == np.flatnonzero(scores >= 2.0).tolist()
    with pytest.raises(QueryError, match="depends on the other passages"):
        lines.within("bee3", 0.5, mode="hybrid")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"text": "bee", "mode": "both"}, "unknown mode 'both'; choose one of dense, lexical, hybrid"),
        ({"vector": [1.0] * 16, "mode": "lexical"}, "the query has none"),
        ({"similar": "a", "mode": "hybrid"}, "the query has none"),
        ({"text": "bee", "offset": -1}, "no number of hits to pass over"),
        ({"text": "bee", "offset": True}, "no number of hits to pass over"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given, told):
    """When the request is made."""
    with pytest.raises(QueryError, match=told):
        SearchRequest(**given)


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_safe_query(text):
    """Operators, quotes and control characters are text; without a token there is nothing to ask."""
    collection = any_text_collection()
    for mode in ("lexical", "hybrid"):
        try:
            hits = collection.search(text, k=3, mode=mode)
        except QueryError as error:
            assert "query is empty" in str(error)  # noqa: PT017 - or it answers
        else:
            assert len(hits) <= 3


def test_a_query_of_a_hundred_thousand_words(lines):
    """Is cut for the model, and looked for in full by words."""
    query = "bee3 " * 50_000 + "sky5 " * 50_000
    assert {line_of(hit) for hit in lines.search(query, k=1000, mode="lexical")} == {
        number for number, line in enumerate(LINES) if "bee3 " in line or line.endswith("sky5")
    } | {number for number, line in enumerate(LINES) if "bee" in line}


def test_a_document_is_found_by_its_words_as_soon_as_it_is_added(tmp_path):
    """In the same process and in one that has the collection open already; no longer once it is deleted."""
    with (
        Collection.create(tmp_path / "notes", FakeEncoder()) as notes,
        Collection.open(notes.path, FakeEncoder()) as other,
    ):
        for number in range(40):
            notes.add([Document(f"unheard{number} word", id=str(number), title="os.path.join")])
            assert [hit.document for hit in other.search(f"unheard{number}", k=1, mode="lexical")] == [str(number)]
        assert len(other.search("os.path.join", k=100, mode="lexical")) == 40
        notes.delete(["7"])
        assert "7" not in {hit.document for hit in other.search("unheard7", k=100, mode="lexical")}


def test_a_request_asks_for_words_only_if_it_needs_them(lines, monkeypatch):
    """A dense search reads no postings and no fields."""
    monkeypatch.setattr("semsearch.storage.snapshot.load_segments", None)
    opened = Collection.open(lines.path, FakeEncoder())
    assert len(answer(opened._store, SearchRequest("bee3", mode="dense"))) == 10


@given(st.lists(st.lists(st.sampled_from(["bee", "jet", "loan", "sky", "wing"]), min_size=1, max_size=20), max_size=12))
@settings(max_examples=50, deadline=None)
def test_a_text_scores_one_with_itself_and_nothing_more(rows):
    """Whatever words other texts have more often; a score is never above 1."""
    texts = list(dict.fromkeys(" ".join(words) for words in rows)) or ["bee"]
    with tempfile.TemporaryDirectory() as folder:
        collection = Collection.create(Path(folder) / "same", FakeEncoder(dimension=64))
        collection.add(texts)
        for text in texts:
            hits = collection.search(text, k=20)
            assert 1.0 == hits[0].score >= max(hit.score for hit in hits)
            assert text in [hit.text for hit in hits if hit.score == 1.0]


def test_among_texts_that_a_model_cannot_tell_apart_words_decide(tmp_path):
    """To a model without a script all its texts are the same; who asks for a word still gets the text that has it."""
    encoder = FakeEncoder()
    collection = Collection.create(tmp_path / "same", encoder, CollectionSettings(unit="document"))
    encoder.encode_counted = lambda texts, *_, **__: Encoded(
        np.ones((len(texts), 16), np.float32), *np.zeros((3, len(texts)), np.int64)
    )
    collection.add([Document(f"word{n}", id=f"d{n}") for n in range(300)])
    hits = collection.search("word287", k=3)
    assert hits[0].document == "d287"
    assert [hit.score for hit in hits] == [1.0, 1.0, 1.0]
    pages = [hit.document for at in range(0, 300, 50) for hit in collection.search("word287", k=50, offset=at)]
    assert len(set(pages)) == 300


@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_of_a_hundred_thousand_words_the_first_thousand_are_looked_for(lines, mode):
    """The answer is that of these words alone, and a warning says so."""
    letters = str.maketrans("0123456789", "bcdfghjklm")
    words = ["away", "far", *(str(number).translate(letters) for number in range(100_000))]
    with pytest.warns(TruncationWarning, match=r"different words and parts of words, of which the first 1,000"):
        hits = lines.search(" ".join(words), k=5, mode=mode)
    assert len(hits) == 5
    if mode == "lexical":
        assert list(hits) == list(lines.search("away far", k=5, mode=mode))
