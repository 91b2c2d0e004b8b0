"""Where in its file a passage is: page, slide, sheet and row, line, and the headings that it is under.

Nothing of this is stored. The text says it by itself: pages and slides end with a form feed, headings are lines with
``#`` signs; ids of rows and lines end with their numbers. Which of these hold is known by the kind of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from semsearch.common.documents import Span
from semsearch.common.threads import computed_once
from semsearch.ingest.extraction.parts import PAGE_END
from semsearch.ingest.formats.extensions import TABLE_MARK, kind_of
from semsearch.ingest.structure import HEADED, find_headings

__all__ = ["Location", "find_location"]

PAGED = {"pdf": "page", "slides": "slide"}
NUMBERED = {"csv": "row", "tsv": "row", "jsonl": "line", "lines": "line"}
NUMBERED |= dict.fromkeys(("json", "parquet", "arrow", "sqlite"), "row")
"""Kinds of which each document is a row or a line, whose number ends its id."""
LINED = ("text", "markdown", "code")
"""Kinds whose text is the file's own, so that its lines are the file's."""
DATABASES = (".db", ".sqlite", ".sqlite3")
NUMBER = re.compile(r":(\d+)\Z")
SHEET_ROW = re.compile(r"#(.+):(\d+)\Z", re.DOTALL)
MESSAGE = re.compile(r"#(\d+)\Z")


class Location(Mapping[str, Any]):
    """The location of a passage, found when it is first looked at: a long text takes as long as a search.

    A copy, or what is unpickled, is a dictionary.
    """

    def __init__(self, source: str | None, identifier: str, text: str, span: Span) -> None:
        self._place = source, identifier, text, span

    @computed_once
    def found(self) -> dict[str, Any]:
        """All of it."""
        return find_location(*self._place)

    def __getitem__(self, name: str) -> Any:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return repr(self.found)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self.found),)


def find_location(source: str | None, identifier: str, text: str, span: Span) -> dict[str, Any]:
    """The location of a passage by its span in a document's text; empty for what is no file of a known kind.

    ``{"page": 7}``, ``{"page": 7, "last_page": 8}`` if it goes on there, ``{"sheet": "Prices", "row": 14}``,
    ``{"line": 120, "heading": "Insects > Bees"}``.
    """
    kind = _kind_of_source(source) if source else None
    if kind is None:
        return {}
    location: dict[str, Any] = {}
    start, end = span
    page = PAGED.get(kind) or ("slide" if source and source.lower().endswith(".odp") else None)
    if page:
        location[page] = text.count(PAGE_END, 0, start) + 1
        if more := text.count(PAGE_END, start, end):
            location[f"last_{page}"] = location[page] + more
    elif kind == "sheets":
        location |= _read_numbers(SHEET_ROW, identifier, "sheet", "row")
    elif kind == "mailbox":
        location |= _read_numbers(MESSAGE, identifier, "message")
    elif kind in NUMBERED:
        location |= _read_numbers(NUMBER, identifier, NUMBERED[kind])
    elif kind in LINED:
        if line := _line_of_file(str(source), identifier):
            return {"line": line}
        location["line"] = text.count("\n", 0, start) + 1
    if kind in HEADED and (headings := _open_headings(text, start)):
        location["heading"] = " > ".join(headings)
    return location


def _kind_of_source(source: str) -> str | None:
    """The kind of a file; databases are not taken from folders, so that their extensions stand for no kind."""
    return "sqlite" if TABLE_MARK in source or source.endswith(DATABASES) else kind_of(source)


def _read_numbers(pattern: re.Pattern[str], identifier: str, *names: str) -> dict[str, Any]:
    """What the end of an id says; nothing if the record has an id of its own."""
    match = pattern.search(identifier)
    if match is None:
        return {}
    values = dict(zip(names, match.groups(), strict=True))
    return {name: value if name == "sheet" else int(value) for name, value in values.items()}


def _line_of_file(source: str, identifier: str) -> int | None:
    """The line that is a document by itself: its number stands behind the file's name, which is all of other ids."""
    match = NUMBER.search(identifier)
    return int(match[1]) if match and source.endswith(identifier[: match.start()]) else None


def _open_headings(text: str, start: int) -> list[str]:
    """The headings that a place is under, the highest first."""
    end = text.find("\n", start)
    above: list[tuple[int, str]] = []
    for _, level, heading in find_headings(text, len(text) if end < 0 else end):
        above = [*(one for one in above if one[0] < level), (level, heading)]
    return [heading for _, heading in above]
