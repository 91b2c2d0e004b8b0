"""The server's own routes, against the same questions to the collection in this process."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

import semsearch
from semsearch.server.bodies import SearchBody
from tests.server.conftest import SENTENCES


@pytest.fixture
def client(address):
    """An HTTP client of the server."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def here(served_folder):
    """The same collection in this process."""
    with semsearch.Collection.open(served_folder / "flying") as collection:
        yield collection


def test_collections_are_listed_and_described(client):
    """In figures, without where they are on the disk."""
    found = client.get("/collections").json()["collections"]
    assert [(one["name"], one["documents"]) for one in found] == [("empty", 0), ("flying", len(SENTENCES))]
    assert client.get("/collections/flying").json() == found[1]
    assert "path" not in found[1]
    assert client.get("/collections/flying/fields").json()["fields"]["year"] == {"integer": 5}


@pytest.mark.parametrize(
    "question",
    [
        {"text": "an insect", "k": 3, "explain": True, "snippet": True},
        {"text": "hive", "mode": "lexical", "highlight": True},
        {"similar": "bee", "k": 2},
        {"like": ["bee"], "unlike": ["jet"], "k": 2, "mode": "dense"},
        {"text": "flight", "where": {"year": {">=": 2022}}, "mode": "dense"},
        {"text": "flight", "where": "year between 2019 and 2021", "k": 1, "offset": 1, "diversity": 0.5},
        {"text": "an insect", "rerank": "tokens", "k": 2},
    ],
    ids=lambda question: "-".join(question),
)
def test_every_question_has_the_answer_of_the_collection(client, here, question):
    """The whole of a SearchRequest; hits with all their fields."""
    answer = client.post("/collections/flying/search", json=question)
    assert answer.status_code == 200, answer.text
    expected = here.answer(semsearch.SearchRequest(**question))
    found = answer.json()
    assert found["total"] == expected.total
    assert [hit["document"] for hit in found["hits"]] == [hit.document for hit in expected]
    for mine, theirs in zip(found["hits"], expected, strict=True):
        assert mine.keys() == theirs.to_json().keys()
        assert mine["score"] == pytest.approx(theirs.score, abs=1e-5)


def test_a_vector_is_a_question(client, here):
    """Numbers in the place of a text."""
    vector = here.encoder.encode([SENTENCES["jet"][0]])[0]
    found = client.post("/collections/flying/search", json={"vector": vector.tolist(), "k": 1}).json()
    assert found["hits"][0]["document"] == "jet"
    assert found["hits"][0]["score"] == pytest.approx(1, abs=1e-3)


def test_the_body_of_a_search_is_a_search_request():
    """Field by field, with the same defaults, so that none is forgotten."""
    ours = {field.name: field.default for field in dataclasses.fields(semsearch.SearchRequest) if field.init}
    assert {name: field.default for name, field in SearchBody.model_fields.items()} == ours


def test_a_document_is_added_read_changed_and_deleted(client):
    """Each is seen by the next request, and by a search."""
    path = "/collections/flying/documents"
    added = client.post(path, json={"documents": [{"id": "air/a b.txt", "text": "A drone hovers.", "title": "Drone"}]})
    assert added.json()["added"] == 1
    assert client.get(f"{path}/air/a b.txt").json()["title"] == "Drone"
    client.post(path, json={"documents": [{"id": "air/a b.txt", "text": "A kite on a string."}]})
    found = client.post("/collections/flying/search", json={"text": "kite string", "k": 1}).json()
    assert found["hits"][0]["document"] == "air/a b.txt"
    assert client.delete(f"{path}/air/a b.txt").json() == {"deleted": "air/a b.txt"}
    assert client.get(f"{path}/air/a b.txt").status_code == 404
    assert client.delete(f"{path}/air/a b.txt").status_code == 404


def test_what_another_process_writes_is_seen_by_the_next_request(client, here):
    """A change on the disk, and a collection that is made while the server runs."""
    here.add([semsearch.Document("A submarine dives.", "submarine")])
    found = client.post("/collections/flying/search", json={"text": "under water", "k": 1}).json()
    assert found["hits"][0]["document"] == "submarine"
    here.delete(["submarine"])
    path = here.path.parent / "later"
    for text in ("one", "two"):
        with semsearch.Collection.create(path, here.encoder) as made:
            made.add([semsearch.Document(text, text)])
        answer = client.post("/collections/later/search", json={"text": text, "k": 1}).json()
        assert answer["hits"][0]["document"] == text
        with semsearch.Collection.open(path) as old:
            old.drop()
    assert client.get("/collections/later").status_code == 404


def test_analogies_contexts_and_tokens(client, here):
    """What the collection and the encoder say."""
    question = {"positive": ["hive", "runway"], "negative": ["bee"], "k": 2}
    hits = client.post("/collections/flying/analogy", json=question).json()["hits"]
    expected = here.analogy(question["positive"], question["negative"], 2)
    assert [hit["document"] for hit in hits] == [one.hit.document for one in expected]
    found = client.post("/collections/flying/contexts", json={"word": "bee", "k": 1}).json()["occurrences"]
    assert found[0]["document"] == "bee"
    (tokens,) = client.post("/tokens", json={"texts": ["I love mathematics!"]}).json()["texts"]
    assert tokens["tokens"][1:-1] == ["i", "love", "mathematics", "!"]
    assert tokens["ids"][1:-1] == [1045, 2293, 5597, 999]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/collections/flying/search", {"text": ""}, 400, "the query is empty"),
        ("/collections/flying/search", {"text": "a", "k": 0}, 400, "k: "),
        ("/collections/flying/search", {"text": "a", "k": 900, "offset": 200}, 400, "1,000 at most"),
        ("/collections/flying/search", {"text": "a", "limit": 3}, 400, "limit: "),
        ("/collections/flying/search", {"text": "a", "where": "year >"}, 400, "in the filter at column 7"),
        ("/collections/flying/search", {"text": "a", "rerank": "some/model"}, 400, "rerank: "),
        ("/collections/flying/search", {"text": "a", "vector": [1.0]}, 400, "several queries"),
        ("/collections/flyin/search", {"text": "a"}, 404, "no collection 'flyin'; there are: empty, flying"),
        ("/collections/..%2Fserved/search", {"text": "a"}, 404, ""),
        ("/collections/flying/contexts", {"word": "zebra"}, 400, "zebra"),
        ("/tokens", {"texts": ["a"], "model": "gpt"}, 404, "no model 'gpt' is served"),
        ("/nothing", {}, 404, "Not Found"),
    ],
)
def test_bad_requests_are_told_in_one_shape(client, path, body, status, told):
    """The status says whose fault it is, and the message what to do."""
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert told in error["message"]
    assert error["type"] in ("invalid_request_error", "not_found_error")
    assert "Traceback" not in answer.text


def test_a_body_that_is_no_json_is_told(client):
    """As is one of another type."""
    for content in (b"{", b"[]", b"\xff"):
        answer = client.post(
            "/collections/flying/search", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


def test_health_and_metrics(client):
    """Health asks each collection; metrics count what was answered, by route."""
    assert client.get("/health").json() == {"status": "ok", "collections": 2, "failing": []}
    client.get("/collections/flying")
    lines = client.get("/metrics").text.splitlines()
    counted = [line for line in lines if 'route="/collections/{name}",status="200"' in line]
    assert int(counted[0].split()[-1]) >= 1
    buckets = [int(line.split()[-1]) for line in lines if "_bucket" in line]
    assert buckets == sorted(buckets)
    assert buckets[-1] == int(lines[-1].split()[-1])
