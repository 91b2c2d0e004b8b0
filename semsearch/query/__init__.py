"""Questions to a collection."""

from semsearch.collection import Collection

__all__ = ["Collection"]
