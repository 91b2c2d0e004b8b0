"""PDF, by pypdfium2: the text of each page, pages ending with a form feed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from semsearch.common.environment import import_extra
from semsearch.common.errors import RecordError
from semsearch.ingest.extraction.parts import BETWEEN_PAGES, PAGE_END, Part

__all__ = ["extract"]

NO_TITLE = re.compile(r"(untitled.*|microsoft \w+ - .*|.*\.(docx?|pptx?|odt|tex|dvi|pdf|indd|qxd))?", re.IGNORECASE)
"""What programs put where a title should be."""
HYPHENATED = re.compile(r"(?<=\w)[\x02\xad]\r?\n?(?=\w)|(?<=\w)￾\r?\n?(?=\w)")
"""How PDFium marks a word that is divided at the end of a line."""


def extract(data: bytes) -> Iterator[Part]:
    """The whole file as one document."""
    pdfium = import_extra("pypdfium2", "files", "reading PDF")
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise RecordError("is encrypted; save it without its password") from error
        raise RecordError(f"is no PDF that can be read ({error}); save it anew") from error
    pages = [_read_page(document, number) for number in range(len(document))]
    title = " ".join(document.get_metadata_dict().get("Title", "").split())
    yield Part(BETWEEN_PAGES.join(pages), None if NO_TITLE.fullmatch(title) else title)


def _read_page(document: object, number: int) -> str:
    page = document[number]  # type: ignore[index]  # pypdfium2 has no types
    text = HYPHENATED.sub("", page.get_textpage().get_text_range())
    page.close()
    return text.replace("\r\n", "\n").replace("\r", "\n").replace(PAGE_END, "\n").strip("\n")
