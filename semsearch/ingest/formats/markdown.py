"""Markdown files, one document each, whose title is the first heading."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.text import read_text

__all__ = ["MARKDOWN"]

_FENCES = ("```", "~~~")


def _read_markdown(origin: Origin, stream: BufferedReader, fields: Fields) -> Iterator[Document | RecordError]:
    """The whole file as one document with a title."""
    for item in read_text(origin, stream, fields):
        yield replace(item, title=_first_heading(item.text)) if isinstance(item, Document) else item


def _first_heading(text: str) -> str | None:
    """The text of the first ``# heading`` that is not in a fenced block of code."""
    fence: str | None = None
    for line in io.StringIO(text, newline=None):
        mark = line.strip()[:3]
        if mark in _FENCES and fence in (None, mark):
            fence = mark if fence is None else None
        elif fence is None and (heading := _heading(line)):
            return heading
    return None


def _heading(line: str) -> str:
    """What a line says as a first-level heading, nothing if it is none."""
    content = line.lstrip(" ")
    if len(line) - len(content) > 3 or not content.startswith(("# ", "#\t")):
        return ""
    content = content[1:].strip()
    # "# Title ##" is closed by hashes, "# C#" is not.
    unclosed = content.rstrip("#")
    return unclosed.rstrip() if unclosed[-1:] in ("", " ", "\t") else content


MARKDOWN = Format("markdown", (".md", ".markdown"), _read_markdown)
