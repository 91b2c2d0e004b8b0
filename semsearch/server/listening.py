"""Listen on an address, and serve until Ctrl-C: what has been begun is then answered."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from semsearch.common.errors import InputError

__all__ = ["read_token", "serve"]

SHORTEST_TOKEN = 16
DRAINED_S = 30
"""Seconds that requests have to be answered after Ctrl-C."""


def serve(
    make: Callable[[], FastAPI], host: str, port: int, *, has_token: bool, announce: Callable[[str], None]
) -> None:
    """Serve the application that ``make`` gives until a signal ends it; ``announce`` is given its address.

    Raises :class:`InputError` for an address that others can reach without a token, or that cannot be had.
    """
    if not has_token and not _is_own(host):
        raise InputError(f"{host} can be reached by others; give --token-file, or leave --host out")
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            make(),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAINED_S,
        )
        announce(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def read_token(path: Path) -> str:
    """The token in a file; raises :class:`InputError` for a short one, which could be guessed."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the token file {path} cannot be read ({error}); give one with a line of text") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii():
        raise InputError(
            f"the token in {path} is too short; it must have {SHORTEST_TOKEN} ASCII characters or more: "
            "openssl rand -hex 32"
        )
    return token


def _is_own(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise InputError(f"cannot listen on {host} port {port} ({error.strerror}); choose another --port") from error
