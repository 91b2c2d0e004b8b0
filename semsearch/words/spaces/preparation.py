"""What is done to vectors before their cosines are compared.

``Preparation`` takes out their mean, and what they have most in common. Word vectors share a large mean and a few
directions that say how frequent a word is rather than what it means; without them neighbours get better
("All-but-the-top", Mu and Viswanath 2018, ICLR).

``SpellingMap`` puts a word of several pieces where one token would be. Means of pieces lie apart from the vectors of
one-token words, so that a rare capital is "nearest" to other rare capitals. Words that have a token tell by how much:
encoded once as they are and once spelled out in pieces, they give the pairs of a least-squares fit (as "a la carte"
embeddings fit contexts to words, Khodak et al. 2018, ACL).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import QueryError

__all__ = ["Preparation", "SpellingMap"]


@dataclass(frozen=True, slots=True)
class Preparation:
    """``mean``, float32[d], is subtracted; then ``components``, orthonormal float32[c, d], are projected out."""

    mean: Float32
    components: Float32

    @classmethod
    def fit(cls, vectors: Float32, center: bool, drop: int) -> Preparation:
        """Of the rows of float32[n, d]: their mean if they are to be centred, and their ``drop`` top components."""
        dimension = vectors.shape[1]
        if not 0 <= drop < dimension:
            raise QueryError(f"{drop} components cannot be removed from {dimension} dimensions; choose fewer")
        mean = vectors.mean(axis=0, dtype=np.float64)
        if not drop:
            components = np.empty((0, dimension))
        else:
            covariance = vectors.T @ vectors / len(vectors) - np.outer(mean, mean)
            components = np.linalg.eigh(covariance).eigenvectors[:, -drop:].T
        kept = mean if center else np.zeros(dimension)
        return cls(kept.astype(np.float32), components.astype(np.float32))

    def apply(self, vectors: Float32) -> Float32:
        """The same change for any vectors of the space, float32[m, d]."""
        centred = vectors - self.mean
        centred -= centred @ self.components.T @ self.components
        return centred


RIDGE = 1e-3
"""A share of the mean squared length per dimension; it keeps the fit stable where there are few directions."""


@dataclass(frozen=True, slots=True)
class SpellingMap:
    """``(vectors - start) @ matrix + goal``; start and goal float32[d], matrix float32[d, d]."""

    start: Float32
    matrix: Float32
    goal: Float32

    @classmethod
    def fit(cls, spelled: Float32, whole: Float32) -> SpellingMap:
        """From the same words spelled out and whole, float32[n, d] each; no words give the identity."""
        dimension = spelled.shape[1]
        if not len(spelled):
            zero = np.zeros(dimension, dtype=np.float32)
            return cls(zero, np.eye(dimension, dtype=np.float32), zero)
        start, goal = spelled.mean(axis=0), whole.mean(axis=0)
        left, right = (spelled - start).astype(np.float64), (whole - goal).astype(np.float64)
        squares = left.T @ left
        squares.flat[:: dimension + 1] += RIDGE * np.trace(squares) / dimension
        return cls(start, np.linalg.solve(squares, left.T @ right).astype(np.float32), goal)

    def apply(self, vectors: Float32) -> Float32:
        """Vectors of words of several pieces, float32[m, d], as if each were one token."""
        return np.asarray((vectors - self.start) @ self.matrix + self.goal, dtype=np.float32)
