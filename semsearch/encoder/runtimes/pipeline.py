"""The model as one PyTorch module: ids and mask in, sentence vector and all hidden states out.

It is assembled from the model's own sentence-transformers modules. The torch runtime runs it, and the
OpenVINO runtime is converted from it, so that both compute the same thing by construction.

Importing this file imports torch and sentence-transformers, which takes seconds.
"""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize as NormalizeModule
from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.common.unicode import one_line
from semsearch.encoder.runtimes.runtime import quiet
from semsearch.encoder.spec import EncoderSpec

__all__ = ["Pipeline", "load_pipeline"]


class Pipeline(torch.nn.Module):
    """Transformer, choice of layers, pooling, further modules, dimension truncation, normalisation."""

    transformer: Any  # of one of the many classes of transformers
    has_segments = False

    def __init__(self, transformer: torch.nn.Module, modules: list[torch.nn.Module], spec: EncoderSpec) -> None:
        super().__init__()
        self.transformer = transformer
        self.after = torch.nn.ModuleList(modules)
        self.layers = spec.layers
        self.last = spec.layer_count
        self.truncate_dim = spec.truncate_dim
        self.normalize = spec.normalize

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """``(float[texts, dimension], float[texts, tokens, hidden] for layer 0, 1, … last)``."""
        output = self.transformer(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        states = (*output.hidden_states[:-1], output.last_hidden_state)
        features: dict[str, Any] = {
            "token_embeddings": torch.stack([states[layer] for layer in self.layers]).mean(0)
            if self.layers != (self.last,)
            else states[-1],
            "attention_mask": attention_mask,
        }
        for module in self.after:
            features = module(features)
        vectors = features["sentence_embedding"][:, : self.truncate_dim]
        if self.normalize:
            vectors = torch.nn.functional.normalize(vectors, dim=-1)
        return (vectors, *states)


def load_pipeline(spec: EncoderSpec, device: str = "cpu") -> Pipeline:
    """Load the weights (safetensors only) from the local folder; no network call is made."""
    with quiet():
        try:
            model = SentenceTransformer(
                str(spec.folder),
                device=device,
                local_files_only=True,
                trust_remote_code=spec.trust_remote_code,
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:  # whatever a model's files make transformers raise
            raise ModelError(
                f"model {spec.folder} cannot be loaded ({one_line(error)[:200]}); save it again"
            ) from error
    transformer, *after = model
    if not hasattr(transformer, "auto_model"):
        raise UnsupportedModelError(f"model {spec.folder} does not start with a transformer; choose another")
    if after and isinstance(after[-1], NormalizeModule):
        after.pop()  # normalisation is the pipeline's own last step
    if spec.pooling is not None:
        chosen = PoolingModule(spec.hidden_size, pooling_mode=spec.pooling.value)
        after = [chosen if isinstance(module, PoolingModule) else module for module in after] or [chosen]
    pipeline = Pipeline(transformer.auto_model, after, spec)
    return pipeline.to(device).float().eval()
