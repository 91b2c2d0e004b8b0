"""Whether an answer is better than what nonsense finds."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError
from semsearch.query.why import Reason
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
    assert [hit.rank for hit in some] == list(range(1, len(some) + 1))
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
    together = birds.search_many(texts, 3, min_confidence=0.5)
    assert [hits.confidence for hits in together] == pytest.approx(
        [birds.search(text, 3).confidence for text in texts], abs=1e-4
    )


def test_what_has_no_confidence_says_so(birds):
    """Words alone, examples and stored documents have none; a least one is refused there, and what is no share, too."""
    assert birds.search("owl", mode="lexical").confidence is None
    assert birds.search("owl", like=["goose"]).confidence is None
    similar = birds.similar("owl", 2)
    assert similar.confidence is None
    assert similar[0].is_relevant is None
    assert 0 < similar[0].percentile <= 100
    assert not similar.nothing_relevant
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
    with pytest.raises(QueryError, match="has not measured yet"):
        collection.search("bee", min_confidence=0.9)
    collection.add(["a fly"])
    assert collection.search("bee")[0].confidence > 0.9


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
    collection.reencode(FakeEncoder(dimension=8, fingerprint="e" * 32))
    assert measured().rows == 16
    assert measured().location != second.location
