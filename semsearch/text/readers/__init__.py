"""Read documents from files, folders and standard input, one at a time."""

from __future__ import annotations

from semsearch.text.readers.kinds import Fields, Kind
from semsearch.text.readers.reader import Reader

__all__ = ["Fields", "Kind", "Reader"]
