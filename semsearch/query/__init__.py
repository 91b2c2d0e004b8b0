"""Questions to a collection."""

from semsearch.query.collection import Collection

__all__ = ["Collection"]
