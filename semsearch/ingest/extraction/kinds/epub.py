"""EPUB books: the chapters in their order, as the HTML that they are."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from semsearch.common.environment import import_extra
from semsearch.common.errors import RecordError
from semsearch.ingest.extraction.archive import check_archive
from semsearch.ingest.extraction.kinds.html import to_markdown
from semsearch.ingest.extraction.parts import Part

__all__ = ["extract"]


def extract(data: bytes) -> Iterator[Part]:
    """The whole book as one document; EPUB 3.3, sections 4.2.6.3 (container) and 5 (package document)."""
    etree = import_extra("lxml.etree", "files", "reading EPUB")
    check_archive(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        try:
            container = _parse(etree, archive.read("META-INF/container.xml"))
            package_path = container.xpath("//*[local-name()='rootfile']/@full-path")[0]
            package = _parse(etree, archive.read(package_path))
        except (KeyError, IndexError, etree.XMLSyntaxError) as error:
            raise RecordError(f"is no EPUB: it has no list of its chapters ({error}); save it anew") from error
        chapters = [to_markdown(archive.read(name))[0] for name in _chapters(package, package_path, archive.namelist())]
    titles = [" ".join(text.split()) for text in package.xpath("//*[local-name()='title']/text()")]
    yield Part("\n\n".join(filter(str.strip, chapters)), next(filter(None, titles), None))


def _parse(etree: Any, data: bytes) -> Any:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def _chapters(package: Any, package_path: str, names: list[str]) -> Iterator[str]:
    """The names of the chapters in the archive, in reading order; those that are not there are left out."""
    items = {item.get("id"): item.get("href") for item in package.xpath("//*[local-name()='manifest']/*")}
    for reference in package.xpath("//*[local-name()='spine']/*/@idref"):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(package_path), unquote(items.get(reference) or "")))
        if path in names:
            yield path
