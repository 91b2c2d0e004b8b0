"""The contract of a runtime: token ids go in, vectors come out. Everything else is the encoder's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from semsearch.common.arrays import Float32
from semsearch.common.choices import Precision

__all__ = ["Progress", "Runtime"]

Progress = Callable[[int], None]
"""Called with the number of texts that have just been finished."""


class Runtime(Protocol):
    """Runs a model; thread-safe."""

    name: str
    precision: Precision
    dimension: int

    def pooled(self, ids: Sequence[Sequence[int]], out: Float32, progress: Progress | None) -> None:
        """Write one vector per text into ``out``, float32[texts, dimension]."""

    def hidden(self, ids: Sequence[Sequence[int]], layers: tuple[int, ...]) -> list[Float32]:
        """Mean of the layers' token vectors in fp32 arithmetic: one float32[tokens, hidden size] a text."""

    def static_vectors(self) -> Float32:
        """The input embedding table, float32[vocabulary, embedding size]."""
