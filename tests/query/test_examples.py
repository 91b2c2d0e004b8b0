"""Examples, groups and diversity, against vectors that are combined and compared one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import QueryError
from semsearch.fields.columns import build_columns
from semsearch.fields.lookup import look_up
from semsearch.query.diversity import diversify, first_of_each, fold
from semsearch.query.retrieval.weights import UNLIKE_WEIGHT
from tests.support.fake_encoder import FakeEncoder, stored_vectors

PAIR = ("d1", "d2")
TEXTS = {f"d{n}": f"bee{n % 9} wing{n % 5} sky{n}" for n in range(40)}


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """Forty documents of a line each, one of two."""
    path = tmp_path_factory.mktemp("examples") / "notes"
    collection = Collection.create(path, FakeEncoder(), CollectionSettings(unit="line"))
    collection.add(
        Document(text, id=name, metadata={"group": int(name[1:]) % 4, "author": {"name": f"A{int(name[1:]) % 3}"}})
        for name, text in TEXTS.items()
    )
    collection.add([Document("far\naway", id="two")])
    return collection


def unit(vector):
    """At length 1."""
    return vector / np.linalg.norm(vector)


def vector_of(text):
    """The direction of a text."""
    return unit(FakeEncoder().encode([text])[0].astype(np.float64))


def expected(weights, without=()):
    """Documents by their cosine with a weighted sum of texts' directions, best first."""
    target = unit(sum(weight * vector_of(text) for text, weight in weights.items()))
    names = [name for name in TEXTS if name not in without]
    scores = stored_vectors([TEXTS[name] for name in names]) @ target
    return [(names[place], scores[place]) for place in np.argsort(-scores)]


@pytest.mark.parametrize(
    ("options", "weights", "without"),
    [
        ({"like": ["bee3 wing1"]}, {"bee3 wing1": 1}, ()),
        ({"like": "d7"}, {TEXTS["d7"]: 1}, ("d7",)),
        ({"text": "sky3", "like": {"d7": 2, "far": 0.5}}, {"sky3": 1, TEXTS["d7"]: 2, "far": 0.5}, ("d7",)),
        ({"text": "sky3 bee1", "unlike": ["d1"]}, {"sky3 bee1": 1, TEXTS["d1"]: -UNLIKE_WEIGHT}, ("d1",)),
        (
            {"like": ["d1", "d2"], "unlike": {"wing3": 0.3}},
            {TEXTS["d1"]: 1, TEXTS["d2"]: 1, "wing3": -0.3},
            ("d1", "d2"),
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_examples_add_up_to_a_question(notes, options, weights, without):
    """Texts and documents at length 1, by their weights; documents that are examples are no answers."""
    hits = notes.search(**options, k=20, mode="dense", where="id != 'two'")
    truth = expected(weights, without)[:20]
    np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in truth], atol=2e-3)
    scores = dict(expected(weights, without))
    np.testing.assert_allclose([hit.score for hit in hits], [scores[hit.document] for hit in hits], atol=2e-3)


def test_a_document_of_several_passages_is_the_mean_of_them(notes):
    """As for similar documents."""
    alike, similar = notes.search(like=["two"], k=5), notes.similar("two", 5)
    assert [hit.document for hit in alike] == [hit.document for hit in similar]


def test_examples_join_hybrid_search_by_meaning_alone(notes):
    """Words are those of the text."""
    hits = notes.search("sky3", like=["bee1"], k=3)
    assert hits[0].document == "d3"
    assert hits[0].parts["lexical"] == max(hit.parts["lexical"] for hit in hits)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"like": ["bee1"], "unlike": {"bee1": 1}}, "cancel each other out"),
        ({"unlike": ["bee1"]}, "query is empty"),
        ({}, "query is empty"),
        ({"like": [3]}, "like has 3"),
        ({"like": [" "]}, "like has ' '"),
        ({"like": 7}, "like is 7"),
        ({"like": {"bee1": -1}}, "weight of example 'bee1' is -1"),
        ({"like": {"bee1": float("nan")}}, "weight of example 'bee1' is nan"),
        ({"text": "bee1", "diversity": 1.5}, "1.5 is no diversity"),
        ({"text": "bee1", "diversity": float("nan")}, "nan is no diversity"),
        ({"text": "bee1", "fold": 0}, "0 is no cosine of near-duplicates"),
        ({"text": "bee1", "fold": 1.01}, "1.01 is no cosine of near-duplicates"),
        ({"text": "bee1", "fold": True}, "True is no cosine of near-duplicates"),
        ({"text": "bee1", "group_by": "gruop"}, "no document has a field gruop; did you mean 'group'"),
        ({"text": "bee1", "group_by": "a >"}, "is expected"),
        ({"like": ["d1"], "explain": True}, "only the hits of a text"),
    ],
    ids=str,
)
def test_examples_that_make_no_sense_are_refused(notes, options, told):
    """In one line that says what to do."""
    with pytest.raises(QueryError, match=told):
        notes.search(**options)


@pytest.mark.parametrize(("field", "count"), [("group", 4), ("author.name", 3), ("id", 40)])
def test_one_hit_for_each_value_of_a_field(notes, field, count):
    """The best of each, in their order; documents without the field are all kept."""
    everything = notes.search("bee1 wing2", k=1000, where="id != 'two'")
    value = {"group": lambda hit: hit.metadata["group"], "author.name": lambda hit: hit.metadata["author"]["name"]}
    firsts = {value.get(field, lambda hit: hit.document)(hit): hit for hit in reversed(everything)}
    grouped = notes.search("bee1 wing2", k=1000, group_by=field, where="id != 'two'")
    assert [hit.document for hit in grouped] == [
        hit.document for hit in sorted(firsts.values(), key=lambda hit: hit.rank)
    ]
    assert len(grouped) == count
    with_others = notes.search("bee1 wing2", k=1000, group_by=field)
    assert len(with_others) == count + (1 if field == "id" else 2)


def test_groups_are_filled_from_further_down(notes):
    """Though the nearest passages are all of one group."""
    assert len(notes.search("bee0", k=4, group_by="group", where="group is not null")) == 4


def test_diversity_keeps_the_best_and_puts_near_ones_back(tmp_path):
    """Equal texts are one after the other without it, and apart with it; all are there, and pages fit."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder(), CollectionSettings(unit="line"))
    collection.add([Document(f"bee wing\nbee wing\nbee sky{n}", id=f"{n}") for n in range(5)])
    plain = collection.search("bee wing", k=15, mode="dense")
    spread = collection.search("bee wing", k=15, mode="dense", diversity=0.5)
    assert [hit.text for hit in plain[:3]] == ["bee wing"] * 3
    assert spread[0].text == "bee wing"
    assert spread[1].text.startswith("bee sky")
    places = [(hit.document, hit.passage) for hit in spread]
    assert sorted(places) == sorted((hit.document, hit.passage) for hit in plain)
    for at in (0, 5, 10):
        page = collection.search("bee wing", 5, mode="dense", diversity=0.5, offset=at)
        assert [(hit.document, hit.passage) for hit in page] == places[at : at + 5]


@given(arrays(np.float32, (8, 3), elements=st.integers(-8, 8)), st.floats(0, 1))
@settings(deadline=None)
def test_each_next_hit_is_the_best_by_marginal_relevance(vectors, diversity):
    """Against the definition, step by step."""
    scores = np.sort(vectors[:, 0])[::-1].copy() / 8
    order = diversify(scores, vectors, diversity).tolist()
    assert sorted(order) == list(range(8))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    for step in range(1, 8):
        gains = {
            n: (1 - diversity) * scores[n] - diversity * max(float(units[n] @ units[m]) for m in order[:step])
            for n in range(8)
            if n not in order[:step]
        }
        assert gains[order[step]] == pytest.approx(max(gains.values()), abs=1e-5)


def test_the_first_of_each_group_stays():
    """Nothing is a group of its own each time."""
    assert first_of_each(["a", None, "a", None, ("b",), ("b",)]).tolist() == [0, 1, 3, 4]


def test_values_are_looked_up_for_rows():
    """By type, over segments; lists as tuples."""
    values = [{"v": 1}, {"v": "x"}, {}, {"v": [1, "y"]}, {"v": None}, {"v": True}, {"v": 2.5}]
    made = [(Document("t", str(n), None, None, data), 1 + n % 2) for n, data in enumerate(values)]
    segments = [build_columns(made[:4], 0), build_columns(made[4:], 6)]
    rows = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], np.int64)
    assert look_up(segments, ("v",), rows) == [1, "x", "x", None, (1, "y"), (1, "y"), None, True, True, 2.5]


def test_groups_of_nothing_are_none(tmp_path):
    """An empty collection has no fields, and grouping by one is no mistake."""
    collection = Collection.create(tmp_path / "empty", FakeEncoder())
    assert collection.search("bee", group_by="author") == []


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_near_duplicates_are_folded(tmp_path, mode):
    """Of copies the best one stays, there are as many hits as there are texts, and pages follow each other."""
    collection = Collection.create(tmp_path / "copies", FakeEncoder())
    collection.add(Document(f"bee wing{n % 6}", id=f"d{n}") for n in range(60))
    folded = collection.search("bee wing3", k=6, mode=mode, fold=0.999)
    assert sorted(hit.text for hit in folded) == [f"bee wing{n}" for n in range(6)]
    whole = collection.search("bee wing3", k=60, mode=mode)
    firsts = {hit.text: hit.document for hit in reversed(whole)}
    assert [hit.document for hit in folded] == sorted(firsts.values(), key=[hit.document for hit in whole].index)
    pages = [collection.search("bee wing3", 2, mode=mode, fold=0.999, offset=at)[:] for at in (0, 2, 4)]
    assert [hit for page in pages for hit in page] == folded
    left_out = next(hit.document for hit in whole if hit.document not in firsts.values())
    assert collection.why(left_out, "bee wing3", k=6, mode=mode, fold=0.999).reason == "near-duplicate"


@settings(max_examples=200, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(0, 12), st.just(2)), elements=st.sampled_from([-1, 0, 1])), st.data())
def test_what_is_kept_is_far_from_all_that_is_kept_before(vectors, data):
    """Folding takes each one that no better one kept is near to, one after the other."""
    least = data.draw(st.sampled_from([0.3, 0.8, 1.0]))
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    kept: list[int] = []
    for place in range(len(units)):
        if all(units[place] @ units[other] < least - 1e-6 for other in kept):
            kept.append(place)
    assert fold(vectors, least).tolist() == kept
