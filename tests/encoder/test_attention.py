"""Attention, recomputed from a model's own weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semsearch import ModelError
from semsearch.encoder import Encoder

TEXT = "A bee has wings, and the naïve jet flies."


def recompute(reference, ids, layer):
    """The shares of one layer by their definition: softmax of the scaled products of queries and keys of a head."""
    attend = reference.model.encoder.layer[layer].attention.self
    states = torch.tensor(reference.states(ids)[layer])
    heads, width = attend.num_attention_heads, attend.attention_head_size
    with torch.inference_mode():
        queries, keys = (part(states).numpy().reshape(len(ids), heads, width) for part in (attend.query, attend.key))
    products = np.einsum("qhd,khd->hqk", queries, keys) / np.sqrt(width)
    powers = np.exp(products - products.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("special", [True, False])
def test_attention_is_what_the_weights_say(small_bert, small_reference, special):
    """Every layer and head, with and without special tokens."""
    tokens, shares = Encoder.load(small_bert, runtime="torch").attention(TEXT, special)
    assert shares.shape == (2, 4, len(tokens.ids), len(tokens.ids))
    assert ("[CLS]" in tokens.tokens) is special
    for layer, found in enumerate(shares):
        np.testing.assert_allclose(found, recompute(small_reference, tokens.ids, layer), atol=1e-5)
    np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=1e-5)


def test_attention_of_the_packaged_model(packaged, packaged_reference):
    """The same on each runtime: 6 layers, 12 heads."""
    tokens, shares = packaged.attention(TEXT)
    assert shares.shape == (6, 12, len(tokens.ids), len(tokens.ids))
    np.testing.assert_allclose(shares[3], recompute(packaged_reference, tokens.ids, 3), atol=1e-4)


def test_a_text_without_tokens_has_none(small_bert):
    """There is nothing to attend to."""
    with pytest.raises(ModelError, match="0 tokens"):
        Encoder.load(small_bert, runtime="torch").attention("", special=False)
