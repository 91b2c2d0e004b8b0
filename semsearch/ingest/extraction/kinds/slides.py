"""PowerPoint files, by python-pptx: the texts of each slide and its notes; slides end with a form feed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from semsearch.common.environment import import_extra
from semsearch.ingest.extraction.archive import check_archive
from semsearch.ingest.extraction.parts import BETWEEN_PAGES, PAGE_END, Part, heading_line, table_text

__all__ = ["extract"]

NO_TITLE = ("", "PowerPoint Presentation")
"""What a file says that nobody has given a title."""


def extract(data: bytes) -> Iterator[Part]:
    """The whole file as one document."""
    pptx = import_extra("pptx", "files", "reading PowerPoint files")
    check_archive(data)
    presentation = pptx.Presentation(io.BytesIO(data))
    slides = list(presentation.slides)
    titles = [_title_of(slide) for slide in slides]
    stated = " ".join((presentation.core_properties.title or "").split())
    title = stated if stated not in NO_TITLE else next(filter(None, titles), None)
    yield Part(BETWEEN_PAGES.join(map(_read_slide, slides)), title)


def _title_of(slide: Any) -> str:
    shape = slide.shapes.title
    return " ".join(shape.text_frame.text.split()) if shape is not None else ""


def _read_slide(slide: Any) -> str:
    title = slide.shapes.title
    blocks = [heading_line(_title_of(slide), 1)] if _title_of(slide) else []
    blocks += [text for shape in slide.shapes if shape != title for text in _read_shape(shape)]
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        blocks.append(slide.notes_slide.notes_text_frame.text)
    return "\n\n".join(block.replace("\v", "\n").replace(PAGE_END, "\n") for block in blocks if block.strip())


def _read_shape(shape: Any) -> Iterator[str]:
    """The texts of a shape, and of those in it."""
    if hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _read_shape(inner)
    elif getattr(shape, "has_table", False):
        yield table_text([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif shape.has_text_frame:
        yield str(shape.text_frame.text)
