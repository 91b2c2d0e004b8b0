"""From files to documents, and from a document's text to the spans that become passages."""

from __future__ import annotations

from semsearch.ingest.formats import Fields, Kind, Reader
from semsearch.ingest.spans import split, windows

__all__ = ["Fields", "Kind", "Reader", "split", "windows"]
