"""Read documents from files, folders and standard input, one at a time."""

from __future__ import annotations

from semsearch.ingest.formats.registry import Fields, Kind
from semsearch.ingest.reader import Reader

__all__ = ["Fields", "Kind", "Reader"]
