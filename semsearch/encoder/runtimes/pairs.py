"""A cross-encoder as one PyTorch module: ids, mask and segments of pairs in, a number for each pair out.

As :mod:`semsearch.encoder.runtimes.pipeline`, it is made of the model's own parts, and both runtimes compute it.

Importing this file imports torch and sentence-transformers, which takes seconds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from sentence_transformers import CrossEncoder

from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.common.unicode import one_line
from semsearch.encoder.runtimes.runtime import quiet
from semsearch.encoder.spec import EncoderSpec

__all__ = ["PairPipeline", "load_pair_pipeline"]

SEGMENTS = "token_type_ids"


class PairPipeline(torch.nn.Module):
    """Transformer, its classifier with one label, and the activation that the model was published with."""

    transformer: Any  # of one of the many classes of transformers

    def __init__(self, transformer: torch.nn.Module, activate: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.transformer = transformer
        self.activate = activate
        knows = SEGMENTS in inspect.signature(transformer.forward).parameters
        self.has_segments = knows and self.transformer.config.type_vocab_size > 1

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> tuple[torch.Tensor]:
        """``(float[pairs, 1],)``."""
        segments = {SEGMENTS: token_type_ids} if self.has_segments else {}
        logits = self.transformer(input_ids=input_ids, attention_mask=attention_mask, **segments).logits
        return (self.activate(logits.float()),)


def load_pair_pipeline(spec: EncoderSpec, device: str = "cpu") -> PairPipeline:
    """Load the weights (safetensors only) from the local folder; no network call is made."""
    with quiet():
        try:
            model = CrossEncoder(
                str(spec.folder),
                device=device,
                local_files_only=True,
                trust_remote_code=spec.trust_remote_code,
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:  # whatever a model's files make transformers raise
            raise ModelError(
                f"cross-encoder {spec.folder} cannot be loaded ({one_line(error)[:200]}); save it again"
            ) from error
    if len(model) != 1 or model.model is None:
        raise UnsupportedModelError(f"cross-encoder {spec.folder} has further modules; choose another")
    return PairPipeline(model.model, model.activation_fn).to(device).float().eval()
