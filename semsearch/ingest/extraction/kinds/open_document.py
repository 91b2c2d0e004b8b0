"""OpenDocument texts and presentations, by odfpy: headings, paragraphs and tables; slides end with a form feed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from semsearch.common.environment import import_extra
from semsearch.ingest.extraction.archive import check_archive
from semsearch.ingest.extraction.parts import BETWEEN_PAGES, PAGE_END, Part, heading_line, table_text

__all__ = ["extract"]

UNSEEN = ("annotation", "tracked-changes", "note-citation")
"""Elements that are no part of the text."""


def extract(data: bytes) -> Iterator[Part]:
    """The whole file as one document."""
    opendocument = import_extra("odf.opendocument", "files", "reading OpenDocument files")
    teletype = import_extra("odf.teletype", "files", "reading OpenDocument files")
    check_archive(data)
    document = opendocument.load(io.BytesIO(data))
    blocks = list(_walk(document.body, teletype.extractText))
    titles = [str(one) for one in document.meta.childNodes if _name(one) == "title"]
    text = "\n\n".join(block for block in blocks if block.strip() or block == PAGE_END)
    pages = [page.strip("\n") for page in text.split(PAGE_END)]
    yield Part(BETWEEN_PAGES.join(pages[:-1] if len(pages) > 1 else pages), next(filter(None, titles), None))


def _name(node: Any) -> str:
    return node.qname[1] if getattr(node, "qname", None) else ""


def _walk(node: Any, read: Any) -> Iterator[str]:
    """The blocks of text in and below an element, in their order."""
    for child in getattr(node, "childNodes", ()):
        name = _name(child)
        if name in UNSEEN:
            continue
        if name == "h":
            yield heading_line(read(child), int(child.getAttribute("outlinelevel") or 1))
        elif name == "p":
            yield read(child).replace(PAGE_END, "\n")
        elif name == "table":
            yield table_text([[read(cell) for cell in row.childNodes] for row in _rows(child)])
        else:
            yield from _walk(child, read)
            if name == "page":
                yield PAGE_END


def _rows(table: Any) -> Iterator[Any]:
    for child in table.childNodes:
        if _name(child) == "table-row":
            yield child
        elif _name(child).startswith("table-"):
            yield from _rows(child)
