"""Passages of a collection that are like none of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from semsearch.analysis.outliers import find_outliers
from semsearch.common.arguments import check_k
from semsearch.query.hits import Candidates, Hits, read_hits
from semsearch.query.overview.selection import select_rows
from semsearch.storage.store import Store

if TYPE_CHECKING:
    from semsearch.query.filters.mapping import Where

__all__ = ["list_outliers"]


def list_outliers(store: Store, k: int, where: Where | None) -> Hits:
    """The ``k`` passages that are farthest from those of other documents, the farthest first.

    The score is the mean cosine with the three nearest passages of other documents; where there are no others, nothing
    is an outlier.
    """
    k = check_k(k)
    with select_rows(store, where) as selection:
        documents = selection.documents(np.arange(len(selection)))
        outliers = find_outliers(selection.take, documents, k)
        candidates = Candidates(selection.rows[outliers.places], outliers.cosines, {}, len(selection))
        return Hits(read_hits(store, candidates), len(selection), len(np.unique(documents)))
