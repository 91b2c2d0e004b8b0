"""What is taken out of vectors before their cosines are compared: their mean, and what they have most in common.

Word vectors share a large mean and a few directions that say how frequent a word is rather than what it
means; without them neighbours get better ("All-but-the-top", Mu and Viswanath 2018, ICLR).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import QueryError

__all__ = ["Preparation"]


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
