"""Markdown files, one document each, whose title is in their front matter, or else their first heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
from itertools import pairwise

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.texts.front_matter import split_front_matter
from semsearch.ingest.formats.texts.text import read_text

__all__ = ["MARKDOWN", "find_heading"]

_HEADING_LINE = re.compile(r"^ {0,3}(?:#[ \t]|=+[ \t]*$).*", re.MULTILINE)
"""A line that makes a heading of itself or of the line above, unless it is code, a comment or the like."""


def _read_markdown(origin: Origin, stream: BufferedReader, fields: Fields) -> Iterator[Document | RecordError]:
    """The whole file as one document with a title, and what its front matter says as metadata."""
    for item in read_text(origin, stream, fields):
        if isinstance(item, Document):
            front = split_front_matter(item.text)
            yield replace(item, title=front.title or find_heading(front.body), metadata=front.metadata)
        else:
            yield item


def find_heading(text: str) -> str | None:
    """The text of the first heading of the first level that has any, as CommonMark tells headings from the rest.

    Parsing takes time, so that it goes no further than it must: each attempt takes twice as much of the text.
    """
    end = 0
    for line in _HEADING_LINE.finditer(text):
        if line.end() > end:
            end = text.find("\n", max(line.end(), 2 * end)) % (len(text) + 1)  # -1: all of it
            if heading := _parse_heading(text[:end]):
                return heading
    return None


def _parse_heading(text: str) -> str | None:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").disable("inline").parse(text)
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h1" and opening.level == 0 and inside.content:
            return " ".join(inside.content.split())
    return None


MARKDOWN = Format("markdown", _read_markdown)
