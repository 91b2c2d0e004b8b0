"""Why a document is or is not an answer, against the whole answer."""

from __future__ import annotations

import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError
from tests.support.fake_encoder import FakeEncoder


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """Thirty documents of two lines."""
    path = tmp_path_factory.mktemp("why") / "notes"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="line"))
    collection.add(
        Document(f"bee{n} wing{n % 5}\nsky{n}", id=f"d{n}", metadata={"n": n, "g": n % 3}) for n in range(30)
    )
    return collection


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
@pytest.mark.parametrize("document", ["d1", "d6", "d29"])
def test_a_document_has_the_rank_and_the_score_of_its_best_passage(notes, mode, document):
    """As in the whole answer; it is found if it is on the page."""
    everything = notes.search("bee1 wing1", k=1000, mode=mode)
    told = notes.why(document, "bee1 wing1", k=5, mode=mode)
    own = [hit for hit in everything if hit.document == document]
    if not own:
        assert (told.reason, told.rank, told.score, told.parts) == ("no word", None, None, {})
        return
    assert (told.rank, told.score, told.parts, told.passage) == (
        own[0].rank,
        own[0].score,
        own[0].parts,
        own[0].passage,
    )
    assert told.reason == ("found" if own[0].rank <= 5 else "other page")
    assert told.last == everything[4]


@pytest.mark.parametrize(
    ("document", "options", "reason"),
    [
        ("d3", {"where": "n > 10"}, "filter"),
        ("d3", {"like": ["d3"]}, "example"),
        ("d3", {"mode": "lexical", "text": "nowhere"}, "no word"),
        ("d1", {"offset": 20}, "other page"),
        ("d4", {"group_by": "g", "k": 3}, "group"),
        ("d1", {"group_by": "g", "k": 3}, "found"),
    ],
    ids=str,
)
def test_what_leaves_a_document_out_is_told(notes, document, options, reason):
    """The filter, an example, missing words, the page, the group."""
    assert notes.why(document, **{"text": "bee1", **options}).reason == reason


def test_an_unknown_document_is_told_with_the_nearest(notes):
    """As everywhere."""
    with pytest.raises(QueryError, match="no document 'd333'"):
        notes.why("d333", "bee1")


def test_of_no_answer_nothing_is_the_last(notes):
    """Where nothing is found there is nothing to beat."""
    told = notes.why("d3", "nowhere", mode="lexical")
    assert (told.reason, told.last) == ("no word", None)
