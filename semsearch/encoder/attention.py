"""Attention: how much of each token a token takes over, in every layer and head (Vaswani et al. 2017).

Fast kernels never write these numbers down, so that the model is run once more by transformers' plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.common.forks import in_new_thread, unforked
from semsearch.encoder.runtimes.runtime import quiet
from semsearch.encoder.spec import EncoderSpec

__all__ = ["attention"]


def attention(spec: EncoderSpec, ids: Sequence[int]) -> Float32:
    """The shares of one text of token ids, float32[layers, heads, tokens, tokens]; each row adds up to 1.

    Row *i* of a head says how much token *i* takes of each token. Raises ``UnsupportedModelError`` for a model that
    does not tell.
    """
    if not 0 < len(ids) <= spec.max_seq_length:
        raise ModelError(f"a text of {len(ids)} tokens cannot be read; give 1 to {spec.max_seq_length}")
    with unforked():
        return in_new_thread(partial(_compute, spec, ids))


def _compute(spec: EncoderSpec, ids: Sequence[int]) -> Float32:
    import torch

    model = _load(spec)
    with torch.inference_mode():
        shares = model(input_ids=torch.tensor([list(ids)]), output_attentions=True).attentions
    if not shares or any(layer is None for layer in shares):
        raise UnsupportedModelError(f"model {spec.folder} does not tell its attention; choose another")
    return np.stack([layer[0].float().numpy() for layer in shares])


def _load(spec: EncoderSpec) -> Any:
    from transformers import AutoModel

    with quiet():
        try:
            model = AutoModel.from_pretrained(
                spec.transformer,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=spec.trust_remote_code,
                attn_implementation="eager",
            )
        except (OSError, ValueError) as error:
            raise UnsupportedModelError(f"model {spec.folder} cannot be loaded ({error}); save it again") from error
    return model.float().eval()
