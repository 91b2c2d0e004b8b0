"""From files to documents, and from a document's text to the spans that become passages."""

from __future__ import annotations

from semsearch.text.readers import Fields, Kind, Reader
from semsearch.text.spans import split, windows

__all__ = ["Fields", "Kind", "Reader", "split", "windows"]
