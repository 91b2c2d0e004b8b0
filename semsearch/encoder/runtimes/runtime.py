"""The contract of a runtime: token ids go in, vectors come out. Everything else is the encoder's."""

from __future__ import annotations

import contextlib
import enum
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from semsearch.common.arrays import Float32
from semsearch.common.documents import Precision

__all__ = ["ModelKind", "Progress", "Runtime", "quiet"]

Progress = Callable[[int], None]
"""Called with the number of texts that have just been finished."""


class ModelKind(enum.StrEnum):
    """What a model makes of token ids."""

    VECTORS = "vectors"
    """A vector of each text, and one of each token."""
    PAIRS = "pairs"
    """A number for each pair of texts: ``dimension`` is 1, and there are no vectors of tokens."""


class Runtime(Protocol):
    """Runs a model; thread-safe."""

    name: str
    precision: Precision
    dimension: int

    def fill_pooled(
        self,
        ids: Sequence[Sequence[int]],
        out: Float32,
        progress: Progress | None = None,
        segments: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Write one vector per text into ``out``, float32[texts, dimension].

        ``segments`` say of each token of a pair in which of the two texts it is, for models that want to know.
        """

    def compute_hidden(
        self, ids: Sequence[Sequence[int]], layers: tuple[int, ...], *, reduced: bool = False
    ) -> list[Float32]:
        """Mean of the layers' token vectors: one float32[tokens, hidden size] a text.

        They are made in fp32 arithmetic, or, if ``reduced``, in that of pooled vectors.
        """

    def static_vectors(self) -> Float32:
        """The input embedding table, float32[vocabulary, embedding size]."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars and notes of the libraries off the user's terminal."""
    from transformers.utils import logging as transformers_logging

    levels = {name: logging.getLogger(name).level for name in ("transformers", "sentence_transformers")}
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()
