"""Word files, by python-docx: headings, paragraphs and tables in their order."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from semsearch.common.environment import import_extra
from semsearch.ingest.extraction.archive import check_archive
from semsearch.ingest.extraction.parts import Part, heading_line, table_text

__all__ = ["extract"]

HEADING = re.compile(r"heading (\d)", re.IGNORECASE)


def extract(data: bytes) -> Iterator[Part]:
    """The whole file as one document."""
    docx = import_extra("docx", "files", "reading Word files")
    check_archive(data)
    document = docx.Document(io.BytesIO(data))
    blocks = [_read_block(block) for block in document.iter_inner_content()]
    titles = [block for block in document.paragraphs if _style(block).lower() == "title"]
    title = document.core_properties.title or (titles[0].text if titles else None)
    yield Part("\n\n".join(filter(str.strip, blocks)), title and " ".join(title.split()))


def _read_block(block: Any) -> str:
    if hasattr(block, "rows"):
        return table_text([[cell.text for cell in row.cells] for row in block.rows])
    level = HEADING.fullmatch(_style(block))
    text = str(block.text)
    return heading_line(text, int(level[1])) if level and text.strip() else text


def _style(paragraph: Any) -> str:
    return str(paragraph.style.name) if paragraph.style is not None else ""
