"""Routes of our own: everything that a collection can be asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from semsearch.collection import Collection
from semsearch.common.documents import Document
from semsearch.common.errors import InputError
from semsearch.query.hits import Hits
from semsearch.query.request import SearchRequest
from semsearch.server.backend import Backend
from semsearch.server.bodies import AnalogyBody, ContextsBody, DocumentsBody, SearchBody, TokensBody
from semsearch.server.guard import RefusedError
from semsearch.server.limits import Limits

__all__ = ["make_routes"]


def make_routes(backend: Backend, limits: Limits) -> APIRouter:
    """Routes under ``/collections``, and ``/tokens``."""
    router = APIRouter(tags=["collections"])
    _add_reading(router, backend)
    _add_questions(router, backend, limits)
    _add_writing(router, backend, limits)
    return router


def _add_reading(router: APIRouter, backend: Backend) -> None:
    @router.get("/collections")
    def list_collections() -> dict[str, Any]:
        """Every collection in figures, and the names of those that cannot be read."""
        described, failing = backend.ask_all(_describe)
        return {"collections": list(described.values()), "failing": failing}

    @router.get("/collections/{name}")
    def describe_collection(name: str) -> dict[str, Any]:
        """One collection in figures."""
        return backend.ask(name, _describe)

    @router.get("/collections/{name}/fields")
    def list_fields(name: str) -> dict[str, Any]:
        """The fields that a filter can use, with how many documents have values of each type."""
        return {"fields": backend.ask(name, lambda one: one.fields())}

    @router.get("/collections/{name}/documents/{document:path}")
    def read_document(name: str, document: str) -> dict[str, Any]:
        """A document by its id."""
        found = backend.ask(name, lambda one: one.get(document))
        if found is None:
            raise _no_document(name, document)
        return {field: getattr(found, field) for field in ("id", "text", "title", "source", "metadata")}


def _add_questions(router: APIRouter, backend: Backend, limits: Limits) -> None:
    @router.post("/collections/{name}/search")
    def search(name: str, body: SearchBody) -> dict[str, Any]:
        """The passages nearest to a text, to a vector, to a stored document, or to examples."""
        _check_hits(body.k + body.offset, limits)
        request = SearchRequest(**body.model_dump())
        return _answer(backend.ask(name, lambda one: one.answer(request)))

    @router.post("/collections/{name}/analogy")
    def find_analogy(name: str, body: AnalogyBody) -> dict[str, Any]:
        """The passages that are to C as B is to A."""
        _check_hits(body.k, limits)
        answers = backend.ask(name, lambda one: one.analogy(body.positive, body.negative, body.k))
        return {"hits": [one.hit.to_json() | {"rank": one.rank} for one in answers]}

    @router.post("/collections/{name}/contexts")
    def find_contexts(name: str, body: ContextsBody) -> dict[str, Any]:
        """Where the collection has a word in the sense that it has in a sentence."""
        _check_hits(body.k, limits)
        found = backend.ask(name, lambda one: one.contexts(body.word, body.sentence, body.k))
        return {"occurrences": [asdict(one) for one in found]}

    @router.post("/tokens")
    def show_tokens(body: TokensBody) -> dict[str, Any]:
        """The tokens that a model makes of texts, their ids, and where in the text they are."""
        _check_texts(body.texts, limits)
        return {"texts": [asdict(one) for one in backend.encoder(body.model).tokenize(body.texts)]}


def _add_writing(router: APIRouter, backend: Backend, limits: Limits) -> None:
    @router.post("/collections/{name}/documents")
    def add_documents(name: str, body: DocumentsBody) -> dict[str, Any]:
        """Add documents, or put them in the place of those of the same ids."""
        _check_writing(backend)
        _check_texts(body.documents, limits)
        documents = [Document(**one.model_dump()) for one in body.documents]
        return asdict(backend.ask(name, lambda one: one.add(documents)))

    @router.delete("/collections/{name}/documents/{document:path}")
    def delete_document(name: str, document: str) -> dict[str, Any]:
        """Remove a document; it is gone for everybody at once."""
        _check_writing(backend)
        if not backend.ask(name, lambda one: one.delete([document])):
            raise _no_document(name, document)
        return {"deleted": document}


def _describe(collection: Collection) -> dict[str, Any]:
    return {name: value for name, value in asdict(collection.status()).items() if name != "path"}


def _answer(hits: Hits) -> dict[str, Any]:
    return {
        "hits": [hit.to_json() for hit in hits],
        "total": hits.total,
        "documents": hits.documents,
        "confidence": hits.confidence,
        "nothing_relevant": hits.nothing_relevant,
        "removed": [hit.to_json() for hit in hits.removed],
    }


def _check_hits(count: int, limits: Limits) -> None:
    if count > limits.hits:
        raise InputError(f"{count:,} hits are asked for; ask for {limits.hits:,} at most, offset included")


def _check_texts(texts: list[Any], limits: Limits) -> None:
    if len(texts) > limits.texts:
        raise InputError(f"there are {len(texts):,} texts in one request; send {limits.texts:,} at most")


def _check_writing(backend: Backend) -> None:
    if not backend.may_write:
        raise RefusedError(403, "this server only reads; start it with --allow-write", "read_only")


def _no_document(name: str, document: str) -> RefusedError:
    return RefusedError(404, f"collection {name!r} has no document {document!r:.200}", "no_document")
