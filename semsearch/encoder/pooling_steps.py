"""From token vectors to a sentence vector, one step at a time, computed in NumPy where every step can be seen.

The poolings are those of sentence-transformers (Reimers and Gurevych 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from semsearch.common.arrays import Float32, unit_length
from semsearch.common.documents import Pooling
from semsearch.common.errors import UnsupportedModelError
from semsearch.encoder.spec import EncoderSpec, module_kinds

__all__ = ["PoolingStep", "pooling_steps"]


@dataclass(frozen=True, slots=True)
class PoolingStep:
    """What a step is called, what it does in a sentence, and its vector, float32[d]."""

    name: str
    meaning: str
    vector: Float32


OWN_MODULES = frozenset({"Transformer", "Pooling", "Normalize"})
"""The kinds of modules whose steps are known here."""

POOLED: dict[Pooling, tuple[str, Callable[[Float32], Float32]]] = {
    Pooling.MEAN: ("the tokens' vectors added up, divided by their number", lambda vectors: vectors.mean(axis=0)),
    Pooling.CLS: ("the vector of the first token alone", lambda vectors: vectors[0]),
    Pooling.MAX: ("of each dimension the largest number", lambda vectors: vectors.max(axis=0)),
    Pooling.MEAN_SQRT_LENGTH: (
        "the tokens' vectors added up, divided by the root of their number",
        lambda vectors: vectors.sum(axis=0) / np.sqrt(len(vectors)),
    ),
    Pooling.LAST: ("the vector of the last token alone", lambda vectors: vectors[-1]),
}


def pooling_steps(spec: EncoderSpec, vectors: Float32) -> Iterator[PoolingStep]:
    """The steps from a text's token vectors, float32[tokens, hidden size], special tokens included.

    Raises ``UnsupportedModelError`` for a model with modules of its own behind the pooling.
    """
    if spec.pooling is None or not OWN_MODULES.issuperset(module_kinds(spec.folder)):
        raise UnsupportedModelError(f"model {spec.folder} pools by modules of its own; its steps cannot be shown")
    meaning, pool = POOLED[spec.pooling]
    vector: Float32 = np.asarray(pool(vectors), np.float32)
    yield PoolingStep(spec.pooling.value, meaning, vector)
    if spec.truncate_dim is not None and spec.truncate_dim < len(vector):
        vector = vector[: spec.truncate_dim]
        yield PoolingStep("truncate", f"the first {spec.truncate_dim} numbers", vector)
    if spec.normalize:
        length = float(np.linalg.norm(vector))
        vector = unit_length(vector[None])[0]
        yield PoolingStep("normalize", f"divided by its length, {length:.4f}, so that it has length 1", vector)
