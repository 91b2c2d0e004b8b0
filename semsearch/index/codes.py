"""How vectors are kept in bytes, which FAISS's scalar quantizer reads as its own codes."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32

__all__ = ["Code"]


class Code(Enum):
    """A number of a vector in two bytes, or in one.

    ``FLOAT16`` is IEEE 754's, little-endian. ``UINT8`` divides the numbers from -1 to 1, which hold all that a
    vector of length 1 can have, into 256 steps; a number becomes the middle of its step.
    """

    FLOAT16 = "f16"
    UINT8 = "u8"

    @property
    def largest(self) -> float:
        """Largest number that can be kept; a vector of length 1 may exceed 1 by its rounding."""
        return float(np.finfo(np.float16).max) if self is Code.FLOAT16 else 1 + 1e-5

    def size(self, dimension: int) -> int:
        """Bytes of a vector."""
        return 2 * dimension if self is Code.FLOAT16 else dimension

    def encode(self, vectors: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Vectors as bytes, uint8[n, size]."""
        if self is Code.FLOAT16:
            return np.ascontiguousarray(vectors, dtype="<f2").view(np.uint8)
        steps: npt.NDArray[np.uint8] = np.clip((vectors + 1) * 127.5, 0, 255).astype(np.uint8)
        return steps

    def quantizer(self, dimension: int, metric: int) -> Any:
        """An empty FAISS index whose codes are these."""
        import faiss

        if self is Code.FLOAT16:
            return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, metric)
        index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit_uniform, metric)
        least_and_width: Float32 = np.array([-1, 2], np.float32)
        faiss.copy_array_to_vector(least_and_width, index.sq.trained)
        index.is_trained = True
        return index
