"""What every request passes before a route sees it: who asks, from where, and how much.

A page in a browser may send requests to this machine, too. It cannot set ``Host`` to a name of its own without being
noticed (DNS rebinding), and its ``Origin`` says where it is from. So without a token only names of this machine are
answered, and pages of other origins never are.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from semsearch.server.limits import Limits
from semsearch.server.monitoring import Monitor

__all__ = ["Guard", "Log", "RefusedError", "error_body"]

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Log = Callable[[dict[str, Any]], None]

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health"})
"""Answered without a token: who watches a server need not be able to ask it."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class RefusedError(HTTPException):
    """A request that is not let in, with the status of its answer, what it says, and a word for programs."""

    def __init__(self, status: int, message: str, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.code = code


def error_body(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    """The body of every error, in the shape that OpenAI's clients read."""
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: App, *, limits: Limits, monitor: Monitor, token: str | None = None, log: Log | None = None
    ) -> None:
        """``log`` is given a record of each request when it has been answered."""
        self._log = log
        self._app = app
        self._limits = limits
        self._monitor = monitor
        self._token = token.encode() if token else None
        self._at_work = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, receive, send, self._limits.body)
        self._at_work += 1
        try:
            self._check(request.headers, scope["path"])
            await self._app(scope, request.receive, request.send)
        except RefusedError as error:
            await request.refuse(error)
        except Exception:  # a defect of ours: its text is for the log, and for nobody else
            logger.exception("request %s failed", request.id)
            await request.refuse(RefusedError(500, f"the server failed; its log has request {request.id}", "internal"))
        finally:
            self._at_work -= 1
            seconds = time.perf_counter() - request.begun
            self._monitor.note(scope, request.status, seconds)
            if self._log:
                asked = {"request": request.id, "method": scope["method"], "path": scope["path"]}
                self._log(asked | {"status": request.status, "ms": round(1000 * seconds, 1)})

    def _check(self, headers: dict[str, str], path: str) -> None:
        """Raise :class:`RefusedError` for what is not let in."""
        if self._at_work > self._limits.requests:
            wait = {"retry-after": str(self._limits.retry_after)}
            raise RefusedError(429, "too many requests are at work; come again", "rate_limit_exceeded", wait)
        host = headers.get("host", "")
        if self._token is None and _host_name(f"//{host}") not in OWN_NAMES:
            raise RefusedError(403, f"the host {host!r:.80} is no name of this server; use 127.0.0.1", "wrong_host")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise RefusedError(403, f"pages of {origin!r:.80} may not ask this server", "wrong_origin")
        if self._token is not None and path not in OPEN_PATHS:
            kind, _, given = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
                header = {"www-authenticate": "Bearer"}
                raise RefusedError(401, "the token is missing or wrong; send Authorization: Bearer …", "token", header)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.body:
            raise _too_large(self._limits.body)


class _Request:
    """One request on its way: its id, what has been read of it, and what has been answered."""

    def __init__(self, scope: Message, receive: Receive, send: Send, most: int) -> None:
        self.id = secrets.token_hex(8)
        self.begun = time.perf_counter()
        self.status = 0
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._receive = receive
        self._send = send
        self._left = most
        self._most = most
        scope.setdefault("state", {})["request_id"] = self.id

    async def receive(self) -> Message:
        """The next part of the body, which may not be longer in all than what is allowed."""
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _too_large(self._most)
        return message

    async def send(self, message: Message) -> None:
        """A part of the answer, with the headers that all have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {"x-request-id": self.id, **HEADERS}
            known = {name.lower() for name, _ in message["headers"]}
            added = [(name.encode(), value.encode()) for name, value in own.items() if name.encode() not in known]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        """Answer with an error, unless an answer has begun."""
        if self.status:
            return
        body = json.dumps(error_body(error.status_code, error.detail, error.code)).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **(error.headers or {})}
        spelled = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": error.status_code, "headers": spelled})
        await self._send({"type": "http.response.body", "body": body})


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _too_large(most: int) -> RefusedError:
    return RefusedError(413, f"the request is larger than {most:,} bytes; send less at a time", "too_large")
