"""What OpenAI's clients send: embeddings, models, and searches of vector stores, which collections are here.

Source: https://platform.openai.com/docs/api-reference, "Embeddings", "Models", "Vector stores, search".
"""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import Field

from semsearch.common.arrays import Float32
from semsearch.common.errors import InputError
from semsearch.encoder import Encoder
from semsearch.query.hits import Hit
from semsearch.query.request import SearchRequest
from semsearch.server.backend import Backend
from semsearch.server.bodies import Body
from semsearch.server.guard import RefusedError
from semsearch.server.limits import Limits

__all__ = ["make_routes"]

MOST_RESULTS = 50
COMPARISONS = {"eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "in": "in"}
"""Kinds of their filters, and what ours call them."""


class EmbeddingsBody(Body):
    """Texts, or ids of the model's own tokens. What is longer than the model reads is an error unless ``truncate``."""

    input: str | list[str] | list[int] | list[list[int]]
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)
    user: str | None = None
    truncate: bool = False


class RankingBody(Body):
    """Which results are good enough."""

    ranker: str | None = None
    score_threshold: float | None = None


class VectorStoreBody(Body):
    """A question to a collection."""

    query: str | list[str]
    max_num_results: int = Field(10, ge=1, le=MOST_RESULTS)
    filters: dict[str, Any] | None = None
    ranking_options: RankingBody | None = None
    rewrite_query: bool = False


def make_routes(backend: Backend, limits: Limits) -> APIRouter:
    """Routes under ``/v1``."""
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.post("/embeddings")
    def embed(body: EmbeddingsBody) -> dict[str, Any]:
        """Pooled vectors of texts."""
        encoder = backend.encoder(body.model)
        texts = _read_input(body.input, encoder, limits)
        encoded = encoder.encode_counted(texts)
        if encoded.cut.any() and not body.truncate:
            place = int(np.flatnonzero(encoded.cut)[0])
            raise InputError(
                f"input {place} has {int(encoded.cut[place])} tokens more than the {encoder.max_seq_length} that "
                f"{body.model} reads; split it, or send truncate: true"
            )
        vectors = _shorten(encoded.vectors, body.dimensions)
        data = [
            {"object": "embedding", "index": place, "embedding": _spell(vector, body.encoding_format)}
            for place, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": int(encoded.read.sum()), "total_tokens": int(encoded.read.sum())}
        return {"object": "list", "data": data, "model": body.model, "usage": usage}

    @router.get("/models")
    def list_models() -> dict[str, Any]:
        """The models that texts can be encoded with."""
        return {"object": "list", "data": [_model(name) for name in backend.models()]}

    @router.get("/models/{model:path}")
    def read_model(model: str) -> dict[str, Any]:
        """One of them."""
        if model not in backend.models():
            raise RefusedError(404, f"no model {model!r:.80} is served", "model_not_found")
        return _model(model)

    @router.post("/vector_stores/{name}/search")
    def search_vector_store(name: str, body: VectorStoreBody) -> dict[str, Any]:
        """The passages of a collection that are nearest to a question."""
        queries = [body.query] if isinstance(body.query, str) else body.query
        wanted = SearchRequest(
            " ".join(queries), k=body.max_num_results, where=to_filter(body.filters) if body.filters else None
        )
        hits = backend.ask(name, lambda one: one.answer(wanted))
        least = body.ranking_options.score_threshold if body.ranking_options else None
        data = [_result(hit) for hit in hits if least is None or hit.score >= least]
        return {
            "object": "vector_store.search_results.page",
            "search_query": queries,
            "data": data,
            "has_more": False,
            "next_page": None,
        }

    return router


def to_filter(filters: Any) -> dict[str, Any]:
    """One of their filters as one of ours; raises :class:`InputError`."""
    kind = filters.get("type") if isinstance(filters, dict) else None
    if kind in ("and", "or") and isinstance(filters.get("filters"), list):
        return {kind: [to_filter(one) for one in filters["filters"]]}
    if kind in (*COMPARISONS, "nin") and isinstance(filters.get("key"), str) and "value" in filters:
        field, value = filters["key"], filters["value"]
        return {"not": {field: {"in": value}}} if kind == "nin" else {field: {COMPARISONS[kind]: value}}
    choice = ", ".join([*COMPARISONS, "nin", "and", "or"])
    raise InputError(f"the filter {filters!r:.120} is not understood; give type ({choice}), key and value, or filters")


def _read_input(given: str | list[str] | list[int] | list[list[int]], encoder: Encoder, limits: Limits) -> list[str]:
    """The texts that are to be encoded."""
    items: list[Any] = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else list(given)
    if not 1 <= len(items) <= limits.texts:
        raise InputError(f"there are {len(items):,} inputs; send 1 to {limits.texts:,} at once")
    texts = [item if isinstance(item, str) else _decode(item, encoder) for item in items]
    if empty := [place for place, text in enumerate(texts) if not text]:
        raise InputError(f"input {empty[0]} is empty; send a text")
    return texts


def _decode(ids: list[int], encoder: Encoder) -> str:
    for token_id in ids:
        if not 0 <= token_id < encoder.vocabulary_size:
            raise InputError(
                f"token {token_id} is none of the {encoder.vocabulary_size:,} of {encoder.name}: ids are those of the "
                "model's own tokenizer (POST /tokens), not those of another; or send texts"
            )
    return encoder.decode(ids)


def _shorten(vectors: Float32, dimensions: int | None) -> Float32:
    """The first numbers of each vector, at length one again."""
    if dimensions is None or dimensions == vectors.shape[1]:
        return vectors
    if dimensions > vectors.shape[1]:
        raise InputError(f"dimensions is {dimensions}, and the model's vectors have {vectors.shape[1]}; ask for fewer")
    short = vectors[:, :dimensions]
    return np.asarray(short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12), np.float32)


def _spell(vector: Float32, form: str) -> list[float] | str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if form == "base64" else vector.tolist()


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "semsearch"}


def _result(hit: Hit) -> dict[str, Any]:
    attributes = {name: value for name, value in hit.metadata.items() if isinstance(value, str | int | float | bool)}
    return {
        "file_id": hit.document,
        "filename": hit.title or hit.document,
        "score": hit.score,
        "attributes": attributes,
        "content": [{"type": "text", "text": hit.text}],
    }
