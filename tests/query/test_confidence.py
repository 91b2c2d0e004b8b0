"""Whether an answer is better than what nonsense finds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError, SpaceMismatchError
from semsearch.query.accounts.why import Reason
from semsearch.storage.database.transaction import Transaction
from semsearch.storage.nonsense import _make_questions, encode_nonsense
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.vectors.index_state import read_index_state, write_index_state
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS
from tests.support.fake_encoder import FakeEncoder

BIRDS = [
    "an eagle circles above the valley",
    "a goose swims on the pond",
    "the owl hunts mice at night",
    "a swallow nests under the roof",
    "sparrows quarrel in the hedge",
    "the stork comes back in spring",
    "a heron stands still in the reeds",
    "part ZX-4711 fits the green feeder",
]
NONSENSE = ["mortgage kerosene seventeen", "quarterly turbine parliament invoice"]


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """Eight sentences, by the packaged model."""
    with Collection.create(tmp_path_factory.mktemp("confidence") / "birds") as collection:
        collection.add(Document(text, id=text.split()[1]) for text in BIRDS)
        yield collection


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_a_question_about_the_collection_is_told_from_nonsense(birds, mode):
    """Questions about birds have relevant answers, others have not, and are said to have none."""
    for text in ("which bird hunts in the dark", "water birds", "birds of prey in the mountains"):
        hits = birds.search(text, 3, mode=mode)
        assert hits.confidence > 0.9, text
        assert not hits.nothing_relevant
        assert hits[0].is_relevant
    for text in NONSENSE:
        hits = birds.search(text, 3, mode=mode)
        assert hits.confidence < 0.9, text
        assert hits.nothing_relevant
        assert [hit.is_relevant for hit in hits] == [False] * 3


def test_nearer_is_never_less_confident(birds):
    """Confidence and percentile have the order of the dense score."""
    hits = birds.search("an owl at night", len(BIRDS), mode="dense")
    for name in ("confidence", "percentile"):
        values = [getattr(hit, name) for hit in hits]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) > len(values) // 2
    assert hits.confidence == hits[0].confidence
    assert hits[0].percentile == 100  # nearer than any two sentences


def test_a_hit_with_every_word_is_relevant(tmp_path):
    """A code in a long passage, which its vector cannot show, is found by its letters, if no word is missing."""
    collection = Collection.create(tmp_path / "parts", FakeEncoder(), CollectionSettings(unit="document"))
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice([f"w{number}" for number in range(99)], 30)) for _ in range(60)]
    collection.add([Document(f"{words[0]} ZX-4711 green", id="part"), *words[1:]])

    def rate(text, mode):
        return next(hit.confidence for hit in collection.search(text, 60, mode=mode) if hit.document == "part")

    for text in ("ZX-4711", "the green ZX-4711"):
        assert rate(text, "dense") < 0.9
        assert rate(text, "hybrid") == 0.9
    assert rate("ZX-4711 mortgage", "hybrid") == rate("ZX-4711 mortgage", "dense") < 0.9
    assert rate("the", "hybrid") == rate("the", "dense") < 0.9  # a stop word says nothing


def test_the_least_confidence_leaves_hits_out(birds):
    """What is below it is no hit; the answer still says what the best one had, and ``why`` says what became of it."""
    everything = birds.search("owls hunt at night", 8)
    least = sorted(hit.confidence for hit in everything)[4]
    some = birds.search("owls hunt at night", 8, min_confidence=least)
    assert [hit.document for hit in some] == [hit.document for hit in everything if hit.confidence >= least]
    assert [hit.rank for hit in some] == [hit.rank for hit in everything if hit.confidence >= least]
    nothing = birds.search(NONSENSE[0], 8, min_confidence=0.9)
    assert list(nothing) == []
    assert nothing.nothing_relevant
    assert nothing.confidence == birds.search(NONSENSE[0], 8).confidence
    lost = next(hit.document for hit in everything if hit.confidence < least)
    assert birds.why(lost, "owls hunt at night", 8, min_confidence=least).reason is Reason.CONFIDENCE
    assert birds.why("owl", "owls hunt at night", 8, min_confidence=least).reason is Reason.FOUND


def test_many_questions_have_confidences_of_their_own(birds):
    """Answered together, each is as if asked alone."""
    texts = ["owls hunt at night", *NONSENSE]
    together = birds.search_many(texts, 3, min_confidence=0.9)
    assert [hits.confidence for hits in together] == pytest.approx(
        [birds.search(text, 3).confidence for text in texts], abs=1e-4
    )
    assert [len(hits) > 0 for hits in together] == [True, False, False]


def test_what_has_no_confidence_says_so(birds):
    """Words alone, examples and stored documents have none; a least one is refused there, and what is no share, too."""
    assert birds.search("owl", mode="lexical").confidence is None
    assert birds.search("owl", like=["goose"]).confidence is None
    similar = birds.similar("owl", 2)
    assert similar.confidence is None
    assert similar[0].is_relevant is None
    assert 0 < similar[0].percentile <= 100
    assert similar.nothing_relevant is None
    for options in ({"mode": "lexical"}, {"like": ["goose"]}):
        with pytest.raises(QueryError, match="by meaning have a confidence"):
            birds.search("owl", min_confidence=0.5, **options)
    for least in (-0.1, 1.5, float("nan"), "0.9", True):
        with pytest.raises(QueryError, match="is no confidence"):
            birds.search("owl", min_confidence=least)


def test_a_collection_that_has_measured_nothing_has_no_confidence(tmp_path):
    """One passage alone has no pairs: nothing is said of its score, and a least confidence is refused."""
    collection = Collection.create(tmp_path / "one", FakeEncoder(), CollectionSettings(unit="document"))
    assert list(collection.search("bee", min_confidence=0.9)) == []
    collection.add(["a bee"])
    (hit,) = collection.search("bee")
    assert (hit.confidence, hit.percentile) == (None, None)
    with pytest.raises(QueryError, match="does not know yet what nonsense scores"):
        collection.search("bee", min_confidence=0.9)
    collection.add(["a fly"])
    assert collection.search("bee", mode="dense")[0].confidence > 0.9


def test_confidences_leave_as_arrow(birds):
    """Both numbers of a hit are columns of its table."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    hits = birds.search("owls hunt at night", 3)
    columns = pa.table(hits.to_arrow()).to_pydict()
    assert columns["confidence"] == [hit.confidence for hit in hits]
    assert columns["percentile"] == [hit.percentile for hit in hits]


def test_the_background_follows_the_collection(tmp_path):
    """It is measured anew when the collection has grown by half or lost a third, and not before; and by re-encoding."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder(), CollectionSettings(unit="document"))

    def measured():
        with collection._store.pinned() as snapshot:
            return snapshot.passages.indexing.background

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["bee", "fly", "jet", "owl", "elk"], 6)) + f" {number}" for number in range(60)]
    collection.add(texts[:20])
    first = measured()
    assert first.rows == 20
    collection.add(texts[:28])
    assert measured() == first
    collection.add(texts[:40])
    second = measured()
    assert second.rows == 40
    collection.delete(collection.ids()[:25])
    assert measured() == second  # nothing is encoded to delete
    collection.add(texts[40:41])
    assert measured().rows == 16
    fourth = measured()
    collection.add([Document(text, known) for known, text in zip(collection.ids(), texts[44:], strict=False)])
    assert measured().rows == 16  # as many passages as before, and other ones
    assert measured().pairs != fourth.pairs
    collection.reencode(FakeEncoder(dimension=8, fingerprint="e" * 32))
    assert measured().rows == 16
    assert measured().location != second.location


@pytest.mark.parametrize("options", [{}, {"mode": "dense"}, {"fusion": "ranks"}, {"per_document": True}], ids=str)
def test_the_answer_has_one_confidence_on_every_page(birds, options):
    """It is that of the best passage, however many hits a page has and wherever it begins, even behind the last one."""
    text = "the night the valley owls hunt at spring"
    (best,) = birds.search(text, 1, mode="dense")
    for k, offset in ((1, 0), (2, 0), (8, 0), (2, 2), (2, 6), (3, 40)):
        hits = birds.search(text, k, offset=offset, **options)
        assert hits.confidence == pytest.approx(best.confidence, abs=1e-6)
        assert hits.nothing_relevant is False
        nothing = birds.search(NONSENSE[0], k, offset=offset, **options)
        assert nothing.nothing_relevant is True


def test_pages_of_confident_hits_fit_together(birds):
    """A page is what its hits are without the least confidence, and these keep their ranks."""
    text = "the night the valley owls hunt at spring"
    whole = birds.search(text, 8, min_confidence=0.95)
    pages = [hit for page in range(4) for hit in birds.search(text, 2, offset=2 * page, min_confidence=0.95)]
    assert pages == list(whole)
    ranks = {hit.document: hit.rank for hit in birds.search(text, 8)}
    assert [hit.rank for hit in whole] == [ranks[hit.document] for hit in whole]
    assert len(whole) < 8


@pytest.mark.parametrize("metric", ["dot", "l2"])
def test_other_metrics_have_confidences(tmp_path, metric):
    """A text that is stored is more confident than any other, under whichever metric."""
    collection = Collection.create(tmp_path / metric, FakeEncoder(), CollectionSettings(unit="document", metric=metric))
    collection.add([f"bee{n} honey{n} wings{n}" for n in range(30)])
    found = collection.search("bee3 honey3 wings3", 30, mode="dense")
    assert found[0].text == "bee3 honey3 wings3"
    assert found.confidence == found[0].confidence > 0.7
    assert found[-1].confidence < found[0].confidence
    assert 0 <= found[-1].percentile < found[0].percentile <= 100


def _background(collection):
    with collection._store.pinned() as snapshot:
        return snapshot.passages.indexing.background


def test_nonsense_is_asked_as_questions_are_and_of_live_rows_alone(tmp_path):
    """The encoder gets it in the query's role; what was deleted answers nothing."""

    class Noting(FakeEncoder):
        roles = ()

        def encode(self, texts, role=None):
            self.roles += (role,)
            return super().encode(texts, role)

    encoder = Noting()
    collection = Collection.create(tmp_path / "notes", encoder, CollectionSettings(unit="document"))
    encoder.roles = ()
    vectors = encode_nonsense(encoder)
    assert encoder.roles == ("query",)
    words = _make_questions(encoder)
    collection.add([Document(text, f"n{n}") for n, text in enumerate(words[:40])])
    assert _background(collection).location > 0.3  # some questions are stored, and are their own answers
    collection.delete([f"n{n}" for n in range(40)])
    collection.add([f"bee{n} honey{n}" for n in range(40)])
    rows = encoder.encode([f"bee{n} honey{n}" for n in range(40)])
    units = [array / np.linalg.norm(array, axis=1, keepdims=True) for array in (vectors, rows)]
    best = (units[0] @ units[1].T).max(axis=1)
    assert _background(collection).location == pytest.approx(
        best.mean() - 0.5772 * best.std() * np.sqrt(6) / np.pi, abs=2e-3
    )


@pytest.mark.parametrize("letters", [0, 100])
def test_a_vocabulary_of_few_words_gives_no_background(tmp_path, letters):
    """Two numbers of a handful of questions would be by chance."""

    class Wordless(FakeEncoder):
        vocabulary_size = 100_000

        def decode(self, ids):
            return super().decode(ids) if ids[0] < letters else "\ufffd"

    collection = Collection.create(tmp_path / "notes", Wordless(), CollectionSettings(unit="document"))
    collection.add(["a bee", "a fly", "a jet"])
    assert _background(collection) is None
    assert collection.search("bee")[0].confidence is None


def test_a_repair_keeps_what_is_sound_and_nothing_else(tmp_path):
    """The background of a collection with a damaged vector is kept; one that was changed behind the seal is not."""
    for name, damage in (("sound", None), ("changed", "UPDATE tuning SET value = replace(value, '0.', '0.9')")):
        path = tmp_path / name
        with Collection.create(path, FakeEncoder(), CollectionSettings(unit="document")) as collection:
            collection.add([f"bee{n} honey{n}" for n in range(20)])
            before = _background(collection)
        data = bytearray((path / "vectors-0.f16").read_bytes())
        data[3] ^= 1
        (path / "vectors-0.f16").write_bytes(data)
        if damage:
            with closing(sqlite3.connect(path / "collection.db")) as connection, connection:
                connection.execute(damage)
        repair_folder(path, lambda _: FakeEncoder())
        with Collection.open(path, FakeEncoder()) as collection:
            assert _background(collection) == (None if damage else before)
            collection.add(["another one"])
            assert _background(collection).rows == (21 if damage else 20)


def test_an_encoder_that_has_drifted_measures_nothing(tmp_path):
    """The canary is asked before nonsense is encoded for a collection that lacks a background."""

    class Drifted(FakeEncoder):
        def encode(self, texts, role=None):
            return super().encode(texts, role)[:, ::-1]

    path = tmp_path / "notes"
    texts = [f"bee{n}" for n in range(9)]
    with Collection.create(path, FakeEncoder(), CollectionSettings(unit="document")) as collection:
        collection.add(texts)
        store = collection._store
        with store.handle.writing() as writer, Transaction(writer._connection):
            state = read_index_state(writer._connection, PASSAGE_VECTORS)
            write_index_state(writer._connection, replace(state, background=None), PASSAGE_VECTORS)
    with Collection.open(path, Drifted()) as collection, pytest.raises(SpaceMismatchError):
        collection.add(texts)
    with Collection.open(path, FakeEncoder()) as collection:
        assert _background(collection) is None
        collection.add(texts)
        assert _background(collection).rows == 9


@pytest.mark.parametrize("options", [{"fusion": "ranks"}, {"mode": "lexical"}], ids=str)
def test_a_little_diversity_leaves_relevance_alone(birds, options):
    """Whatever scale scores have, the best hits stay before the worst."""
    text = "a feeder for the owl that hunts mice at night in the valley"
    plain = [hit.document for hit in birds.search(text, 8, **options)]
    spread = [hit.document for hit in birds.search(text, 8, diversity=0.1, **options)]
    assert spread[0] == plain[0]
    assert sorted(spread) == sorted(plain)
    moved = [abs(spread.index(document) - plain.index(document)) for document in plain]
    assert max(moved) <= 2
