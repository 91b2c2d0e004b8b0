"""Text and Markdown files, one document each, and files with one document a line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.files import File
from semsearch.ingest.formats.records import located
from semsearch.ingest.formats.registry import Kind
from semsearch.ingest.formats.streams import check, decode, text_lines

__all__ = ["read_lines", "read_text"]

_FENCES = ("```", "~~~")


def read_text(file: File, stream: BufferedReader) -> Iterator[Document | RecordError]:
    """The whole file as one document."""
    try:
        text = decode(stream.read())
    except RecordError as error:
        yield located(error, file.label)
        return
    title = _first_heading(text) if file.kind is Kind.MARKDOWN else None
    yield Document(id=file.id, text=text, title=title, source=file.source)


def read_lines(file: File, stream: BufferedReader) -> Iterator[Document | RecordError]:
    """Every line that is not blank as a document."""
    for number, line in enumerate(text_lines(stream), start=1):
        try:
            text = check(line).rstrip("\r\n")
        except RecordError as error:
            yield located(error, f"{file.label}:{number}")
            continue
        if text and not text.isspace():
            yield Document(id=f"{file.id}:{number}", text=text, source=file.source)


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
