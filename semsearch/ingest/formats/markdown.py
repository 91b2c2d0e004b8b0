"""Markdown files, one document each, whose title is in their front matter, or else their first heading."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BufferedReader
from itertools import pairwise
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.text import read_text

__all__ = ["MARKDOWN", "find_title"]

_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.{0,65536}?)^(\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
"""Data at the very start of a file: YAML between lines of three hyphens, TOML between lines of three plus signs."""

_TITLE_LINE = re.compile(r"^title:[ \t]*(\S.*)", re.MULTILINE)

_HEADING_LINE = re.compile(r"^ {0,3}(?:#[ \t]|=+[ \t]*$).*", re.MULTILINE)
"""A line that makes a heading of itself or of the line above, unless it is code, a comment or the like."""


def _read_markdown(origin: Origin, stream: BufferedReader, fields: Fields) -> Iterator[Document | RecordError]:
    """The whole file as one document with a title."""
    for item in read_text(origin, stream, fields):
        yield replace(item, title=find_title(item.text)) if isinstance(item, Document) else item


def find_title(text: str) -> str | None:
    """The title that the front matter gives, else the first heading of the first level."""
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    if front := _FRONT_MATTER.match(body):
        data = _parse_front_matter(front[2], front[1])
        if not isinstance(data, str):  # a sentence between two lines is no data
            body = body[front.end() :]
        if title := _stated_title(data):
            return title
    return _first_heading(body)


def _parse_front_matter(content: str, mark: str) -> Any:
    """What the front matter holds; of YAML that is wrong its title alone."""
    if mark == "+++":
        with suppress(tomllib.TOMLDecodeError, RecursionError):
            return tomllib.loads(content)
        return None
    import yaml

    try:
        return yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - this loader makes strings, and nothing else
    except (yaml.YAMLError, RecursionError):
        # a title with a colon in it that nobody has put into quotes
        return {"title": line[1]} if (line := _TITLE_LINE.search(content)) else None


def _stated_title(data: Any) -> str | None:
    title = data.get("title") if isinstance(data, dict) else None
    return None if title is None or isinstance(title, (dict, list)) else " ".join(str(title).split())


def _first_heading(text: str) -> str | None:
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
