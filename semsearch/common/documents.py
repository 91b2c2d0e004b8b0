"""The nouns that all layers share: a document, and a place in its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Document", "Metadata", "Span"]

Metadata = Mapping[str, Any]
Span = tuple[int, int]
"""Half-open range ``[start, end)`` of character positions (Python string indices)."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a user adds. ``id`` is unique in a collection; left out, it is derived from the text."""

    text: str
    id: str | None = None
    title: str | None = None
    source: str | None = None
    metadata: Metadata = field(default_factory=dict)
