"""The parts of the input, compared with the model's own embedding layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from transformers import AutoModel

from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.encoder import Encoder

TEXT = "A bee has wings, and the naïve jet flies."


@pytest.fixture(scope="module")
def small_distilbert(tmp_path_factory: pytest.TempPathFactory, packaged_model: Path) -> Path:
    """A DistilBERT, which has no segments, of two layers with 32 dimensions."""
    from transformers import DistilBertConfig, DistilBertModel

    from tests.support.transformers_reference import save, shaken

    model = DistilBertModel(DistilBertConfig(n_layers=2, dim=32, n_heads=4, hidden_dim=64))
    return save(shaken(model), tmp_path_factory.mktemp("models") / "small-distilbert", packaged_model)


def check(folder: Path) -> None:
    """Compare every part with what the modules of the embedding layer give, and the whole with the layer."""
    tokens, parts = Encoder.load(folder, runtime="torch").input_parts(TEXT)
    layer = AutoModel.from_pretrained(folder).eval().embeddings
    ids = torch.tensor([tokens.ids])
    first = layer.padding_idx + 1 if hasattr(layer, "padding_idx") else 0
    places = torch.arange(first, first + len(tokens.ids))
    with torch.inference_mode():
        expected = {"word": layer.word_embeddings(ids)[0], "position": layer.position_embeddings(places)}
        expected["segment"] = torch.zeros_like(expected["word"])
        if hasattr(layer, "token_type_embeddings"):
            expected["segment"] += layer.token_type_embeddings(torch.zeros(1, dtype=torch.long))
        expected["total"] = sum(expected.values())
        expected["normalized"] = layer(input_ids=ids)[0]
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(parts, name), values.numpy(), atol=1e-5, err_msg=name)


def test_parts_of_bert(small_bert: Path) -> None:
    """Word, position and segment embeddings, their sum, and what LayerNorm makes of it."""
    check(small_bert)


def test_parts_of_distilbert(small_distilbert: Path) -> None:
    """Without segments, whose part is zero."""
    check(small_distilbert)


def test_parts_where_positions_start_after_padding(positions_after_padding: Path) -> None:
    """RoBERTa and MPNet number positions from behind the padding id."""
    check(positions_after_padding)


def test_the_last_part_is_hidden_layer_0(encoder: Encoder) -> None:
    """What the parts add up to is what the transformer's first layer is given, with and without special tokens."""
    for special in (True, False):
        tokens, parts = encoder.input_parts(TEXT, special)
        (states,) = encoder.encode_tokens([TEXT], 0, special)
        assert tokens == states.tokens
        np.testing.assert_allclose(parts.normalized, states.vectors, atol=1e-4)


def test_half_precision_weights_have_parts(small_bert: Path, tmp_path: Path) -> None:
    """Weights stored as bfloat16 are read, too."""
    folder = copytree(small_bert, tmp_path / "model")
    AutoModel.from_pretrained(small_bert, dtype=torch.bfloat16).save_pretrained(folder)
    _, parts = Encoder.load(folder, runtime="torch").input_parts(TEXT)
    _, exact = Encoder.load(small_bert, runtime="torch").input_parts(TEXT)
    np.testing.assert_allclose(parts.normalized, exact.normalized, atol=0.05)


def test_a_model_with_another_input_is_refused(tmp_path: Path, small_bert: Path) -> None:
    """A model whose positions are not learnt has no such parts, and the message says what has."""
    from safetensors.numpy import load_file, save_file

    folder = copytree(small_bert, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "position_embeddings" not in name}
    loaded = Encoder.load(small_bert, runtime="torch")
    save_file(kept, folder / "model.safetensors")
    loaded.spec = replace(loaded.spec, folder=folder)
    with pytest.raises(UnsupportedModelError, match=r"no position_embeddings.weight; parts can be shown for BERT"):
        loaded.input_parts(TEXT)


def test_ids_are_read_as_they_are(packaged: Encoder) -> None:
    """Token ids give the vectors that their text gives, of any layer, special tokens being the caller's matter."""
    (text,) = packaged.encode_tokens([TEXT], (1, 2))
    before, after = packaged.special_ids
    assert (before, after) == ((101,), (102,))
    (found,) = packaged.encode_ids([text.tokens.ids], (1, 2))
    np.testing.assert_allclose(found, text.vectors, atol=1e-5)
    assert packaged.encode_ids([]) == []


@pytest.mark.parametrize("ids", [[], [-1], [30522], list(range(257))])
def test_ids_that_cannot_be_read(encoder: Encoder, ids: list[int]) -> None:
    """None, too many, and those that no token has are refused."""
    with pytest.raises(ModelError, match="token id"):
        encoder.encode_ids([ids])
