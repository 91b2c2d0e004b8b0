"""Where the parts of a text begin that its author made: headings, pages, slides, definitions of source code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from semsearch.ingest.definitions import find_definitions
from semsearch.ingest.extraction.parts import PAGE_END
from semsearch.ingest.formats.extensions import kind_of

__all__ = ["HEADED", "find_headings", "find_parts"]

PAGED = ("pdf", "slides", "open-document")
HEADED = ("markdown", "html", "word", "open-document", "epub", "slides", "notebook", "manual")
HEADING_OR_FENCE = re.compile(r"^(?: {0,3}(#{1,6})[ \t]+(.*)| {0,3}(`{3,}|~{3,}).*)$", re.MULTILINE)


def find_parts(text: str, source: str | None) -> list[int]:
    """Positions in ascending order, none for a text of no known kind; what is before the first is a part, too."""
    kind = kind_of(source) if source else None
    if kind is None or source is None:
        return []
    if kind == "code":
        return find_definitions(text, source)
    places = {place for place, _, _ in find_headings(text, len(text))} if kind in HEADED else set()
    if kind in PAGED:
        places |= {match.end() for match in re.finditer(re.escape(PAGE_END), text)}
    return sorted(places)


def find_headings(text: str, end: int) -> Iterator[tuple[int, int, str]]:
    """Place, level and words of each heading up to a position; what stands in a block of code is none."""
    fence = ""
    for match in HEADING_OR_FENCE.finditer(text, 0, end):
        level, words, mark = match.groups()
        heading = (words or "").rstrip(" \t#").lstrip(" \t")
        if mark:
            fence = ("" if mark.startswith(fence) else fence) if fence else mark
        elif not fence and heading:
            yield match.start(), len(level), heading
