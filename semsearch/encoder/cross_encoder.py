"""The cross-encoder: pairs of texts in, a number out that says how well the second answers the first.

It reads both texts at once, which is more exact than to compare their vectors, and far slower: nothing of it can be
computed before the question is known (Nogueira and Cho 2019, arXiv:1901.04085).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arguments import check_strings
from semsearch.common.arrays import Float32
from semsearch.common.errors import UnsupportedModelError
from semsearch.encoder.cache import read_json
from semsearch.encoder.locate import locate
from semsearch.encoder.runtimes.loading import load_runtime
from semsearch.encoder.runtimes.runtime import ModelKind, Runtime
from semsearch.encoder.spec import EncoderOptions, EncoderSpec, read_spec
from semsearch.encoder.tokenizer import Tokenizer

__all__ = ["CrossEncoder"]

CLASSIFIER = "ForSequenceClassification"
"""How classes of transformers are called that give labels to texts: other models have no weights for that."""


class CrossEncoder:
    """Scores pairs of texts; get one from :meth:`load`. Thread-safe."""

    def __init__(self, name: str, spec: EncoderSpec, runtime: Runtime, has_segments: bool) -> None:
        self.name = name
        self._tokenizer = Tokenizer(spec)
        self._runtime = runtime
        self._has_segments = has_segments

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str],
        *,
        runtime: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        local_only: bool = False,
    ) -> CrossEncoder:
        """Load ``model``, a folder or a Hub id with one label a pair; the options are those of :meth:`Encoder.load`.

        Raises a :class:`ModelError`. The network is asked only for what is not on this machine.
        """
        folder = locate(str(model), local_only=local_only)
        config = _check_config(folder)
        spec = read_spec(folder, EncoderOptions())
        loaded = load_runtime(spec, EncoderOptions(), runtime, device, precision, threads, ModelKind.PAIRS)
        return cls(str(model), spec, loaded, int(config.get("type_vocab_size") or 0) > 1)

    @property
    def runtime(self) -> str:
        """``openvino`` or ``torch``."""
        return self._runtime.name

    @property
    def max_seq_length(self) -> int:
        """Most tokens the model reads of a pair, special tokens included."""
        return self._tokenizer.max_seq_length

    def score(self, query: str, texts: Sequence[str]) -> Float32:
        """How well each text answers the query, float32[texts]: what the model's own activation makes of its output.

        Of a pair that is too long for the model the end of the longer text is not read.
        """
        tokens = self._tokenizer.pairs(query, check_strings(texts, "texts"))
        scores = np.zeros((len(texts), 1), np.float32)
        self._runtime.fill_pooled(tokens.ids, scores, segments=tokens.segments if self._has_segments else None)
        return scores[:, 0]


def _check_config(folder: Path) -> dict[str, Any]:
    """The model's configuration, if it is one of a cross-encoder."""
    config = read_json(folder / "config.json") or {}
    names = config.get("architectures") or []
    if not any(str(name).endswith(CLASSIFIER) for name in names):
        raise UnsupportedModelError(
            f"model {folder} is no cross-encoder ({', '.join(map(str, names)) or 'of unknown kind'}); give one that "
            "was trained to score pairs, such as cross-encoder/ms-marco-MiniLM-L6-v2"
        )
    labels = config.get("num_labels") or len(config.get("id2label") or {}) or 2
    if labels != 1:
        raise UnsupportedModelError(f"cross-encoder {folder} gives {labels} labels to a pair; choose one that gives 1")
    return dict(config)
