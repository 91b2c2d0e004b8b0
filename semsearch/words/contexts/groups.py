"""Groups of like vectors, and the words of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.encoder import Encoder
from semsearch.encoder.words import words_of
from semsearch.words.contexts.phrases import fold_case

__all__ = ["group_vectors", "vocabularies"]

MOST = 8
"""Groups that are tried at most."""
LEAST_SILHOUETTE = 0.15
"""Below it everything is one group; docs/decisions/007-words-in-context.md says how it was chosen."""
NOISE = 1e-4
"""Vectors that are so near to the mean differ by rounding alone."""


def vocabularies(encoder: Encoder, texts: Sequence[str]) -> list[set[str]]:
    """The words of each text, without punctuation, numbers and single Latin letters."""
    sets = []
    for text, tokens in zip(texts, encoder.tokenize(texts, special=False), strict=True):
        words = (fold_case(text[slice(*word.span)]) for word in words_of(text, tokens))
        sets.append({word for word in words if word.isalpha() and not (word.isascii() and len(word) == 1)})
    return sets


def group_vectors(vectors: Float32) -> Int64:
    """The group of each of float32[n, d], int64[n]; 0 is the largest.

    What the vectors have in common, their mean, is taken out first. The silhouette is that of Rousseeuw (1987).
    """
    if len(vectors) < 3:
        return np.zeros(len(vectors), dtype=np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import silhouette_score

    apart = vectors - vectors.mean(axis=0)
    apart[np.linalg.norm(apart, axis=1) < NOISE] = 0
    units = unit_length(apart).astype(np.float64)
    distances = 1 - units @ units.T
    np.maximum(distances, 0, out=distances)  # equal vectors are apart by rounding, which may be negative
    np.fill_diagonal(distances, 0)
    merges = linkage(squareform(distances, checks=False), "average")
    best, labels = LEAST_SILHOUETTE, np.zeros(len(units), dtype=np.int64)
    for count in range(2, min(MOST, len(units) - 1) + 1):
        tried = fcluster(merges, count, "maxclust")
        groups = len(np.unique(tried))
        silhouette = silhouette_score(distances, tried, metric="precomputed") if 1 < groups < len(units) else 0.0
        if silhouette > best:
            best, labels = silhouette, tried
    return _number_by_size(labels)


def _number_by_size(labels: Int64) -> Int64:
    """The same groups, numbered from 0, the largest first, and of two as large the one that begins earlier."""
    _, firsts, numbers, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((firsts, -sizes))
    return np.argsort(order)[numbers]
