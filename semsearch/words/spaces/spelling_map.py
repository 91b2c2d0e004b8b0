"""What spelling does to a vector, undone: a word of several pieces is put where one token would be.

Means of pieces lie apart from the vectors of one-token words, and nearer to each other than their meanings
are, so that a rare capital is "nearest" to other rare capitals. Words that have a token of their own tell by
how much: encoded once as they are and once spelled out in pieces, they give the pairs of a least-squares fit
(as "a la carte" embeddings fit contexts to words, Khodak et al. 2018, ACL).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32

__all__ = ["SpellingMap"]

RIDGE = 1e-3
"""Of the mean squared length per dimension: keeps the fit calm where there are few directions."""


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
