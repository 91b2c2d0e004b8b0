"""What an extraction gives: the parts of a file that become documents, in the same conventions for all kinds.

A heading is a line that begins with ``#`` signs, one for each level, as in Markdown. Between pages, and between slides,
is a line with a form feed. So a place in the text says by itself which page, slide or heading it is under.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BETWEEN_PAGES", "PAGE_END", "Part", "heading_line", "table_text"]

PAGE_END = "\f"
"""Between pages, and between slides."""
BETWEEN_PAGES = f"\n{PAGE_END}\n"
"""On a line of its own, which is blank to whoever looks for paragraphs."""
DEEPEST = 6
"""Levels of headings."""


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a file: ``suffix`` is what its id has behind the file's name."""

    text: str
    title: str | None = None
    suffix: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def heading_line(text: str, level: int) -> str:
    """A heading of a level, from 1, on one line."""
    return f"{'#' * min(max(level, 1), DEEPEST)} {' '.join(text.split())}"


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """A table with a line a row, and bars between its cells."""
    return "\n".join(" | ".join(" ".join(cell.split()) for cell in row) for row in rows if any(map(str.strip, row)))
