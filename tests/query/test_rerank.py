"""Re-ranking by tokens and by cross-encoders, beside sums written out in NumPy."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document, Encoder
from semsearch.common.errors import ModelNotFoundError, QueryError
from semsearch.encoder.cross_encoder import CrossEncoder
from semsearch.query.request import SearchRequest
from semsearch.query.rerank import POOL, TOKEN_WEIGHT, WORD_WEIGHT, max_similarity
from semsearch.query.search import answer
from tests.support.fake_encoder import FakeEncoder
from tests.support.transformers_reference import SMALL, save

WORDS = ["bee", "eagle", "goose", "jet", "rocket", "wings", "engine", "honey", "nectar", "kerosene", "cloud", "hill"]
QUERY = "bee honey engine"


def _texts(count):
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(WORDS, size=rng.integers(2, 9))) for _ in range(count)]


@pytest.fixture(scope="module", params=[False, True], ids=["encoded", "word vectors"])
def crowd(request, tmp_path_factory):
    """Three hundred passages, some of them with a title, with and without vectors of words."""
    path = tmp_path_factory.mktemp("rerank") / "crowd"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(word_vectors=request.param))
    collection.add(
        Document(text, id=str(number), title="goose" if number % 3 == 0 else None, metadata={"third": number % 3})
        for number, text in enumerate(_texts(300))
    )
    return collection


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _mean_of_best(question, text):
    """MaxSim as its definition has it: for each token of the question its best cosine; their mean."""
    encoder = FakeEncoder()
    first, second = (_unit(one.vectors.astype(np.float64)) for one in encoder.encode_tokens([question, text]))
    return np.mean([max(token @ other for other in second) for token in first])


def _text_read(collection, hit):
    """Vectors of words are those of the passage in its context, after its title."""
    return hit.text if not hit.title or collection.settings.word_vectors else f"{hit.title} {hit.text}"


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_the_first_are_in_the_order_of_the_definition(crowd, mode):
    """The scores of the first hundred are the weighted sum, on the scale of the first score; others stay behind."""
    before = crowd.search(QUERY, k=150, mode=mode)
    after = crowd.search(QUERY, k=150, mode=mode, rerank="tokens")
    assert sorted(hit.document for hit in before) == sorted(hit.document for hit in after)
    similar = {hit.document: hit.parts["tokens"] for hit in after if "tokens" in hit.parts}
    assert similar.keys() == {hit.document for hit in before[:POOL]}
    high, best = before[0].score, max(similar.values())
    weight = WORD_WEIGHT if crowd.settings.word_vectors else TOKEN_WEIGHT
    expected = {
        hit.document: (1 - weight) * hit.score + weight * high * similar[hit.document] / best for hit in before[:POOL]
    }
    for hit in after[:POOL]:
        assert hit.score == pytest.approx(expected[hit.document], rel=1e-5)
    assert [hit.score for hit in after[:POOL]] == sorted((hit.score for hit in after[:POOL]), reverse=True)
    assert [hit.document for hit in after[POOL:]] == [hit.document for hit in before[POOL:]]


def test_maxsim_is_that_of_the_tokens(crowd):
    """The part is the mean of each token's best cosine, of the texts as the model reads them."""
    if crowd.settings.word_vectors:
        pytest.skip("vectors of words are compared in the test of the packaged model")
    for hit in crowd.search(QUERY, k=50, rerank="tokens"):
        assert hit.parts["tokens"] == pytest.approx(_mean_of_best(QUERY, _text_read(crowd, hit)), abs=1e-5)


def test_vectors_of_words_give_what_their_tokens_give(tmp_path):
    """With the packaged model, a collection's kept words rank as transformers' last layer does."""
    encoder = Encoder.load(precision="f32")
    collection = Collection.create(tmp_path / "words", encoder, CollectionSettings(word_vectors=True))
    collection.add(["A bee has wings.", "The jet has engines.", "An eagle flies over the hills."])
    for hit in collection.search("wings that fly", rerank="tokens"):
        query, text = (one.vectors[1:-1] for one in encoder.encode_tokens(["wings that fly", hit.text]))
        expected = (_unit(query) @ _unit(text).T).max(axis=1).mean()
        assert hit.parts["tokens"] == pytest.approx(expected, abs=0.01)


def test_tokens_are_those_of_the_first_layer(tmp_path):
    """With the packaged model and nothing kept, layer 1 of 6 is compared, without special tokens."""
    encoder = Encoder.load(precision="f32")
    collection = Collection.create(tmp_path / "tokens", encoder)
    collection.add(["A bee has wings.", "The jet has engines.", "An eagle flies over the hills."])
    for hit in collection.search("wings that fly", rerank="tokens"):
        query, text = (one.vectors[1:-1] for one in encoder.encode_tokens(["wings that fly", hit.text], 1))
        expected = (_unit(query) @ _unit(text).T).max(axis=1).mean()
        assert hit.parts["tokens"] == pytest.approx(expected, abs=1e-4)


def test_pages_are_parts_of_one_order(crowd):
    """Pages of a re-ranked question follow each other, within the first hundred and across its end."""
    whole = crowd.search(QUERY, k=130, rerank="tokens")
    pages = [hit for offset in range(0, 130, 13) for hit in crowd.search(QUERY, k=13, offset=offset, rerank="tokens")]
    assert [hit.document for hit in pages] == [hit.document for hit in whole]


def test_a_filter_and_groups_hold(crowd):
    """What is re-ranked has passed the filter, and groups are made of the new order."""
    hits = crowd.search(QUERY, rerank="tokens", where="third = 1")
    assert {hit.metadata["third"] for hit in hits} == {1}
    best = crowd.search(QUERY, k=300, rerank="tokens")
    firsts = [next(hit.document for hit in best if hit.metadata["third"] == third) for third in range(3)]
    grouped = crowd.search(QUERY, rerank="tokens", group_by="third")
    assert sorted(hit.document for hit in grouped) == sorted(firsts)


def test_explanations_have_every_rank(crowd):
    """Ranks by each list, of the fusion, and by tokens; the last are of those that were read."""
    hits = crowd.search(QUERY, k=120, rerank="tokens")
    before = {hit.document: hit.rank for hit in crowd.search(QUERY, k=120)}
    by_tokens = sorted((hit for hit in hits if "tokens" in hit.parts), key=lambda hit: -hit.parts["tokens"])
    why = crowd.why(hits[5].document, QUERY, rerank="tokens")
    assert (why.rank, why.score) == (6, hits[5].score)
    explained = crowd.search(QUERY, k=5, rerank="tokens", explain=True)
    for hit in explained:
        assert hit.explanation.ranks.keys() == {"dense", "lexical", "fused", "tokens"}
        assert hit.explanation.ranks["fused"] == before[hit.document]
        better = sum(other.parts["tokens"] > hit.parts["tokens"] for other in by_tokens)
        assert hit.explanation.ranks["tokens"] >= better + 1


class SlowModel(CrossEncoder):
    """Likes long texts, and takes its time."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.read = []

    def score(self, query, texts):
        """The length of each text."""
        del query
        self.read += texts
        time.sleep(self.seconds * len(texts))
        return np.array([len(text) for text in texts], np.float32)


def test_a_cross_encoder_decides_alone(crowd):
    """Its score takes the place of the other one, which stays among the parts; it reads titles, too."""
    model = SlowModel()
    hits = crowd.search(QUERY, k=120, rerank=model)
    lengths = [hit.parts["cross-encoder"] for hit in hits[:POOL]]
    assert lengths == sorted(lengths, reverse=True) == [hit.score for hit in hits[:POOL]]
    assert len(model.read) == POOL
    assert any(text.startswith("goose ") for text in model.read)
    assert all("cross-encoder" not in hit.parts for hit in hits[POOL:])
    assert {"dense", "lexical", "fused"} <= hits[0].parts.keys()


def test_the_best_are_read_first_while_there_is_time(crowd):
    """With a limit fewer are read, the first ones, and the others follow in their order; one is always read."""
    before = [hit.document for hit in crowd.search(QUERY, k=POOL)]
    for limit, most in ((30, 30), (1, 1)):
        model = SlowModel(0.001)
        hits = crowd.search(QUERY, k=POOL, rerank=model, rerank_ms=limit)
        read = [hit.document for hit in hits if "cross-encoder" in hit.parts]
        assert 1 <= len(read) == len(model.read) <= most
        assert sorted(read) == sorted(before[: len(read)])
        assert [hit.document for hit in hits[len(read) :]] == before[len(read) :]


def test_nothing_is_read_twice(crowd):
    """Groups want more candidates, and those that were read keep their scores."""
    model = SlowModel()
    hits = crowd.search(QUERY, k=5, rerank=model, group_by="third")  # there are three groups, so all is retrieved
    assert len(hits) == 3
    assert len(model.read) == POOL


def test_many_questions_are_re_ranked_each_by_its_own_text(crowd):
    """Together they get what each gets alone."""
    queries = [QUERY, "kerosene", "cloud hill goose"]
    for query, hits in zip(queries, crowd.search_many(queries, rerank="tokens"), strict=True):
        alone = crowd.search(query, rerank="tokens")
        assert [hit.document for hit in hits] == [hit.document for hit in alone]


def test_a_cross_encoder_by_its_folder(tmp_path, packaged_model):
    """The name of a folder is as good as the model that it has; the scores are sentence-transformers' own."""
    import transformers
    from sentence_transformers import CrossEncoder as Theirs

    model = transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL, num_labels=1))
    folder = save(model, tmp_path / "pairs", packaged_model)
    collection = Collection.create(tmp_path / "texts", FakeEncoder())
    collection.add(_texts(20))
    hits = collection.search(QUERY, k=20, rerank=str(folder))
    expected = Theirs(str(folder), device="cpu").predict([(QUERY, hit.text) for hit in hits])
    np.testing.assert_allclose([hit.score for hit in hits], expected, atol=2e-2)  # bf16 where there is such
    assert hits[0].parts["cross-encoder"] == hits[0].score


def test_a_question_without_tokens_stays_as_it_is(crowd):
    """Words may be looked for of which no token is left, and nothing is there to compare."""
    hits = crowd.search("bee", mode="lexical", rerank="tokens", k=5)
    assert len(hits) == 5
    assert not len(crowd.search("zzz", mode="lexical", rerank="tokens"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rerank": " "}, "rerank is empty"),
        ({"rerank": "tokens", "rerank_ms": 0}, "no time for re-ranking"),
        ({"rerank": "tokens", "rerank_ms": float("nan")}, "no time for re-ranking"),
        ({"rerank_ms": 100}, "needs a way to do it"),
    ],
)
def test_what_cannot_be_meant_is_an_error(crowd, options, message):
    """Each message says what to give."""
    with pytest.raises(QueryError, match=message):
        crowd.search(QUERY, **options)


def test_only_texts_can_be_re_ranked(crowd):
    """A vector has no tokens, and a least score is of the first order."""
    with pytest.raises(QueryError, match="can be re-ranked"):
        answer(crowd._store, SearchRequest(vector=np.ones(16), rerank="tokens"))
    with pytest.raises(QueryError, match="can be re-ranked"):
        answer(crowd._store, SearchRequest(QUERY, min_score=0.1, rerank="tokens"))


def test_an_unknown_model_is_an_error(crowd):
    """A folder that is not there is told by its name."""
    with pytest.raises(ModelNotFoundError, match="no model folder"):
        crowd.search(QUERY, rerank="./no/such/model")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4), st.lists(st.integers(0, 5), max_size=6), st.integers(0, 1000))
def test_max_similarity_is_its_definition(tokens, lengths, seed):
    """For any numbers of tokens, none included, it is what two loops give."""
    rng = np.random.default_rng(seed)

    def draw(count):
        return _unit(rng.standard_normal((count, 4)).astype(np.float32))

    query, texts = draw(tokens), [draw(length) for length in lengths]
    expected = [
        np.mean([max(a @ b for b in text) for a in query]) if len(query) and len(text) else 0.0 for text in texts
    ]
    np.testing.assert_allclose(max_similarity(query, texts), expected, atol=1e-6)
