"""Texts whose vectors are stored, so that an encoder whose numbers have drifted is noticed before it writes or asks.

The fingerprint says which encoder it is, the canary what it computes here and now: another runtime, driver or
processor may compute something else with the same weights.

A vector in bf16 is as good as one in f32 (docs/decisions/006-embedding-space.md), and which of the two is computed
depends on the processor; both pass. Vectors from quantised weights, or from a bug, do not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from semsearch.common.documents import Role
from semsearch.common.errors import SpaceMismatchError
from semsearch.encoder import Encoder

__all__ = ["LEAST_COSINE", "check_canary", "make_canary"]

TEXTS = (
    "A bee visits the flowers of the garden in the morning.",
    "Interest rates rose by half a point after the meeting.",
    "def area(radius): return 3.14159 * radius ** 2",
    "北京是中国的首都。",
)
LEAST_COSINE = 0.999
"""Of a stored vector and the same text's now. Between f32 and bf16 of the packaged model it is 0.99998."""


def make_canary(encoder: Encoder) -> dict[str, Any]:
    """The texts and what an encoder makes of them, as JSON values."""
    vectors = encoder.encode(list(TEXTS), Role.DOCUMENT)
    return {"texts": list(TEXTS), "vectors": [[round(float(number), 6) for number in row] for row in vectors]}


def check_canary(encoder: Encoder, stored: Mapping[str, Any] | None, name: str, *, singly: bool = False) -> None:
    """Raise :class:`SpaceMismatchError` if the encoder makes something else of the texts than it once did.

    ``singly`` encodes one text after the other, as one question is encoded: what is compiled for that suffices.
    A collection of an older format has no canary, and nothing to compare with.
    """
    if stored is None:
        return
    expected, texts = np.asarray(stored["vectors"], np.float64), list(stored["texts"])
    batches = [[text] for text in texts] if singly else [texts]
    vectors = np.concatenate([encoder.encode(batch, Role.DOCUMENT) for batch in batches]).astype(np.float64)
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(vectors, axis=1)
    products = (expected * vectors).sum(axis=1)
    wrong = ~(products >= LEAST_COSINE * lengths)  # NaN is wrong, too
    wrong |= vectors.any(axis=1) != expected.any(axis=1)
    if wrong.any():
        number = int(np.flatnonzero(wrong)[0])
        raise SpaceMismatchError(
            f"the encoder {encoder.name!r} has the right weights for collection {name!r}, but makes another vector of "
            f"{stored['texts'][number]!r} than when the collection was made (cosine "
            f"{products[number] / max(lengths[number], 1e-30):.4f}): its runtime has drifted. Take another "
            "--runtime or --precision, or encode everything again: semsearch index NAME --reencode"
        )
