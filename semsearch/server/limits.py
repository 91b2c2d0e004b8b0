"""How much one request may ask for, and how many may be at work at once."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one client from taking the whole server.

    ``body`` are bytes of a request, ``texts`` those that are encoded at once, ``hits`` those of an answer; ``requests``
    may be at work or wait at a time, and more are told to come again after ``retry_after`` seconds.
    """

    body: int = 16 * 2**20
    texts: int = 2048
    hits: int = 1000
    requests: int = 128
    retry_after: int = 1
