"""The application: the backend, the faces on it, what guards them, and what errors become."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from semsearch.common.errors import (
    CollectionNotFoundError,
    InputError,
    LockedError,
    MissingExtraError,
    ModelNotFoundError,
    QueryError,
    SemsearchError,
)
from semsearch.common.unicode import one_line
from semsearch.server.backend import Backend
from semsearch.server.faces import openai, own
from semsearch.server.guard import Guard, Log, RefusedError, error_body
from semsearch.server.limits import Limits
from semsearch.server.monitoring import CONTENT_TYPE, Monitor

__all__ = ["make_app"]

logger = logging.getLogger(__name__)

STATUSES: tuple[tuple[type[SemsearchError], int], ...] = (
    (CollectionNotFoundError, 404),
    (ModelNotFoundError, 404),
    (QueryError, 400),
    (InputError, 400),
    (MissingExtraError, 501),
    (LockedError, 503),
)
"""What errors become; all others are the server's, 500."""


def make_app(
    backend: Backend, *, limits: Limits | None = None, token: str | None = None, log: Log | None = None
) -> FastAPI:
    """The application of ASGI, which any such server runs.

    With a ``token`` every request must bring it; ``log`` is given a record of each.
    """
    limits, monitor = limits or Limits(), Monitor()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        backend.close()

    app = FastAPI(title="semsearch", docs_url=None, redoc_url=None, lifespan=life)
    app.include_router(own.make_routes(backend, limits))
    app.include_router(openai.make_routes(backend, limits))
    _add_watching(app, backend, monitor)
    _add_errors(app, limits)
    app.add_middleware(Guard, limits=limits, monitor=monitor, token=token, log=log)
    return app


def _add_watching(app: FastAPI, backend: Backend, monitor: Monitor) -> None:
    @app.get("/health", tags=["watching"])
    def tell_health() -> JSONResponse:
        """Whether every collection can be searched: 200 if so, else 503 with the names of the others."""
        searched, failing = backend.ask_all(lambda one: one.search("health", 1) if len(one) else None)
        body = {"status": "failing" if failing else "ok", "collections": len(searched), "failing": failing}
        return JSONResponse(body, 503 if failing else 200)

    @app.get("/metrics", tags=["watching"])
    def tell_metrics() -> PlainTextResponse:
        """Counts for Prometheus."""
        return PlainTextResponse(monitor.text(), media_type=CONTENT_TYPE)


def _add_errors(app: FastAPI, limits: Limits) -> None:
    """Every error in one shape, and none with more than its client may know."""

    @app.exception_handler(SemsearchError)
    def tell(request: Request, error: SemsearchError) -> JSONResponse:
        status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
        if status == 500:
            request_id = request.state.request_id
            message = f"the collection or the model cannot be used; the server's log has request {request_id}"
            logger.error("request %s: %s", request_id, one_line(error))
        else:
            message = one_line(error)
        headers = {"retry-after": str(limits.retry_after)} if status == 503 else None
        return JSONResponse(error_body(status, message), status, headers)

    @app.exception_handler(RefusedError)
    def refuse(_: Request, error: RefusedError) -> JSONResponse:
        return JSONResponse(error_body(error.status_code, error.detail, error.code), error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    def tell_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(error_body(400, "; ".join(map(_spell_problem, error.errors()[:3]))), 400)

    @app.exception_handler(HTTPException)
    def tell_http(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(error_body(error.status_code, str(error.detail)), error.status_code, error.headers)


def _spell_problem(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"] if part != "body")
    return f"{place or 'the body'}: {problem['msg']}"
