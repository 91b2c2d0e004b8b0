"""HTML, by trafilatura: the main text of a page as Markdown, without menus, banners and scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from semsearch.common.environment import import_extra
from semsearch.ingest.extraction.parts import Part

__all__ = ["extract", "to_markdown"]

SHORT = 0.25
"""Of a page's text; what is taken for the main text and is less leaves too much out, and all of it is taken."""


def extract(data: bytes) -> Iterator[Part]:
    """The page as one document."""
    yield Part(*to_markdown(data))


def to_markdown(data: bytes) -> tuple[str, str | None]:
    """The text of a page and its title."""
    trafilatura = import_extra("trafilatura", "files", "reading HTML")
    lxml_html = import_extra("lxml.html", "files", "reading HTML")
    text = trafilatura.utils.decode_file(data).encode("utf-8", "replace")
    if not text.strip():
        return "", None
    tree = lxml_html.document_fromstring(text, parser=lxml_html.HTMLParser(encoding="utf-8"))
    titles = (" ".join(one.itertext()).split() for one in tree.xpath("//title | //h1"))
    title = next((" ".join(words) for words in titles if words), None)
    whole = _all_text(tree)
    main = trafilatura.extract(
        text, output_format="markdown", include_comments=False, include_tables=True, favor_recall=True
    )
    return main if main and len(main) >= SHORT * len(whole) else whole, title


def _all_text(tree: Any) -> str:
    """What a reader sees of a page, a line for each piece of text; the tree loses the rest."""
    for unseen in tree.xpath("//head | //script | //style | //noscript | //template | //comment()"):
        if unseen.getparent() is not None:
            unseen.drop_tree()
    return "\n".join(" ".join(piece.split()) for piece in tree.itertext() if piece.strip())
