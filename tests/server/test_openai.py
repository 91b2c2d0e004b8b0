"""The server by OpenAI's own client, against the encoder and the collection in this process."""

from __future__ import annotations

import asyncio

import httpx
import numpy as np
import openai
import pytest

import semsearch

MODEL = "all-MiniLM-L6-v2"
TEXTS = ["I love mathematics!", "A bee flies from flower to flower."]


@pytest.fixture
def client(address):
    """The client as its users make it, with nothing but the address and any key."""
    with openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def encoder(cache_folder):  # noqa: ARG001 - it is chosen first
    """The same encoder here."""
    return semsearch.Encoder.load()


def vectors(answer):
    """The answer's vectors as a matrix."""
    return np.array([one.embedding for one in answer.data], np.float32)


def test_embeddings_by_default_as_base64_and_as_numbers(client, encoder):
    """The client asks for base64 unasked; both are the encoder's vectors, and tokens are counted."""
    answer = client.embeddings.create(model=MODEL, input=TEXTS)
    expected = encoder.encode(TEXTS)
    np.testing.assert_allclose(vectors(answer), expected, atol=2e-3)  # in other company bf16 rounds otherwise
    numbers = client.embeddings.create(model=MODEL, input=TEXTS, encoding_format="float")
    np.testing.assert_allclose(vectors(numbers), vectors(answer), atol=2e-3)
    assert [one.index for one in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == sum(len(one.ids) for one in encoder.tokenize(TEXTS))
    (alone,) = client.embeddings.create(model=MODEL, input=TEXTS[0]).data
    np.testing.assert_allclose(alone.embedding, expected[0], atol=2e-3)


def test_dimensions_are_the_first_ones_at_length_one(client, encoder):
    """Shortened vectors are those numbers over their length; more than there are is an error."""
    short = vectors(client.embeddings.create(model=MODEL, input=TEXTS, dimensions=64))
    expected = encoder.encode(TEXTS)[:, :64]
    np.testing.assert_allclose(short, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=4e-3)
    with pytest.raises(openai.BadRequestError, match="vectors have 384"):
        client.embeddings.create(model=MODEL, input=TEXTS, dimensions=385)


def test_token_ids_are_those_of_the_model(client):
    """Ids of the model's tokenizer mean their text; others are refused instead of misread."""
    ids = [1045, 2293, 5597, 999]
    answer = vectors(client.embeddings.create(model=MODEL, input=ids))
    np.testing.assert_allclose(answer[0], vectors(client.embeddings.create(model=MODEL, input=TEXTS[:1]))[0], atol=4e-3)
    assert vectors(client.embeddings.create(model=MODEL, input=[ids, ids])).shape == (2, 384)
    with pytest.raises(openai.BadRequestError, match="token 100264 is none of the 30,522"):
        client.embeddings.create(model=MODEL, input=[100264])


@pytest.mark.parametrize(
    ("wanted", "error", "told"),
    [
        ({"input": []}, openai.BadRequestError, "send 1 to 2,048"),
        ({"input": ["bee"] * 2049}, openai.BadRequestError, "2,049 inputs"),
        ({"input": ["bee", ""]}, openai.BadRequestError, "input 1 is empty"),
        ({"input": ["bee", "word " * 300]}, openai.BadRequestError, "input 1 has 46 tokens more than the 256"),
        ({"input": "bee", "model": "text-embedding-3-small"}, openai.NotFoundError, "there are: all-MiniLM-L6-v2"),
        ({"input": "bee", "extra_body": {"colour": "red"}}, openai.BadRequestError, "colour"),
    ],
)
def test_limits_have_the_shape_of_their_errors(client, wanted, error, told):
    """The client raises its own exceptions, with a message that says what to do."""
    with pytest.raises(error, match=told) as raised:
        client.embeddings.create(**{"model": MODEL, **wanted})
    assert raised.value.type in ("invalid_request_error", "not_found_error")


def test_a_long_text_is_cut_if_that_is_wanted(client, encoder):
    """``truncate`` makes of it what the model can read."""
    answer = client.embeddings.create(model=MODEL, input="word " * 300, extra_body={"truncate": True})
    assert answer.usage.prompt_tokens == encoder.max_seq_length


def test_models_are_listed(client):
    """All, and one by its name."""
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "semsearch"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt")


def test_a_collection_is_a_vector_store(client, served_folder):
    """Its passages by the client's own search, with filters and a threshold."""
    page = client.vector_stores.search("flying", query="an insect", max_num_results=3)
    with semsearch.Collection.open(served_folder / "flying") as collection:
        expected = collection.search("an insect", 3)
    assert [one.file_id for one in page.data] == [hit.document for hit in expected]
    assert page.data[0].content[0].text == expected[0].text
    assert page.data[0].attributes == {"year": 2019, "path": "air/bee"}
    least = page.data[1].score
    ranked = client.vector_stores.search("flying", query="an insect", ranking_options={"score_threshold": least})
    assert len(ranked.data) == 2


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"type": "eq", "key": "year", "value": 2019}, {"bee"}),
        ({"type": "ne", "key": "year", "value": 2019}, {"eagle", "jet", "honey", "rocket"}),
        ({"type": "gte", "key": "year", "value": 2023}, {"honey", "rocket"}),
        ({"type": "in", "key": "path", "value": ["air/jet", "air/bee"]}, {"jet", "bee"}),
        ({"type": "nin", "key": "path", "value": ["air/jet", "air/bee"]}, {"eagle", "honey", "rocket"}),
        (
            {
                "type": "or",
                "filters": [
                    {"type": "lt", "key": "year", "value": 2020},
                    {"type": "and", "filters": [{"type": "gt", "key": "year", "value": 2023}]},
                ],
            },
            {"bee", "rocket"},
        ),
    ],
)
def test_filters_of_vector_stores(client, filters, found):
    """Each kind of comparison, and how they are put together."""
    page = client.vector_stores.search("flying", query="it flies", filters=filters)
    assert {one.file_id for one in page.data} == found


def test_a_filter_that_is_not_understood_is_told(client):
    """With what there is."""
    with pytest.raises(openai.BadRequestError, match="is not understood; give type"):
        client.vector_stores.search("flying", query="bee", filters={"type": "like", "key": "a", "value": "b"})


def test_many_clients_get_their_own_vectors(address, encoder):
    """Texts that arrive together are encoded together, and each client gets what it asked for."""
    texts = [f"a text about the number {number}" for number in range(48)]
    expected = encoder.encode(texts)

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="any") as client:
            return await asyncio.gather(*(client.embeddings.create(model=MODEL, input=text) for text in texts))

    answers = asyncio.run(ask_all())
    found = np.concatenate([vectors(answer) for answer in answers])
    np.testing.assert_allclose(found, expected, atol=4e-3)
    assert httpx.get(f"{address}/health").status_code == 200
