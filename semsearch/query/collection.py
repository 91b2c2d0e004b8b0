"""The front door: a collection that can be asked."""

from __future__ import annotations

from semsearch.collection import Store
from semsearch.query.dense import search, similar
from semsearch.types import Hit

__all__ = ["Collection"]


class Collection(Store):
    """A collection on disk that answers questions; get one from ``create`` or ``open``."""

    def search(self, text: str, k: int = 10) -> list[Hit]:
        """The ``k`` passages nearest in meaning to ``text``, best first; the score is the cosine."""
        return search(self, text, k)

    def similar(self, document: str, k: int = 10) -> list[Hit]:
        """The ``k`` other documents nearest to the stored document of this id, best first."""
        return similar(self, document, k)
