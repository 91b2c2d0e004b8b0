"""Token vectors and static vectors, compared with transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest

from semsearch.encoder import Encoder
from tests.support.transformers_reference import Reference, check_layers

TOLERANCE = 1e-4
Load = Callable[..., Encoder]

pytestmark = pytest.mark.filterwarnings("ignore::semsearch.common.errors.TruncationWarning")


def test_every_layer_of_the_packaged_model(packaged: Encoder, packaged_reference: Reference, texts: list[str]) -> None:
    """Ids, offsets and the hidden states of all layers are those of transformers."""
    check_layers(packaged, packaged_reference, texts[:13], list(range(7)))


def test_every_layer_where_positions_start_after_padding(
    positions_after_padding: Path, load: Load, texts: list[str]
) -> None:
    """Short texts in a batch with long ones keep their positions."""
    check_layers(load(positions_after_padding), Reference(positions_after_padding), texts, [0, 1, 2])


def test_bare_tokens_are_fed_bare(packaged: Encoder, packaged_reference: Reference) -> None:
    """Without special tokens the model reads exactly the four ids of this text and gives four rows."""
    (found,) = packaged.encode_tokens(["I love mathematics!"], special=False)
    assert found.tokens.ids == (1045, 2293, 5597, 999)
    assert found.vectors.shape == (4, 384)
    expected = packaged_reference.states([1045, 2293, 5597, 999])[-1]
    np.testing.assert_allclose(found.vectors, expected, atol=TOLERANCE)


def test_no_tokens_no_rows(packaged: Encoder) -> None:
    """Without special tokens an empty text has no rows, also among others, also alone."""
    found = packaged.encode_tokens(["", "a bee", "\n"], special=False)
    assert [one.vectors.shape for one in found] == [(0, 384), (2, 384), (0, 384)]
    assert packaged.encode_tokens([""], special=False)[0].vectors.shape == (0, 384)


@pytest.mark.parametrize("layer", [(1, 2), (4, -1, 0), (3, 3, 6), [2, 5]])
def test_the_mean_of_several_layers(packaged: Encoder, packaged_reference: Reference, layer: tuple[int, ...]) -> None:
    """Several layers are averaged, one named twice counting twice."""
    (found,) = packaged.encode_tokens(["A bee has wings."], layer)
    states = packaged_reference.states(found.tokens.ids)
    np.testing.assert_allclose(found.vectors, np.mean([states[one] for one in layer], axis=0), atol=TOLERANCE)


def test_token_vectors_are_their_own(packaged: Encoder) -> None:
    """The vectors of one call stay as they are when the encoder works on."""
    (kept,) = packaged.encode_tokens(["a bee"])
    before = kept.vectors.copy()
    packaged.encode_tokens(["something else entirely", "and more"])
    np.testing.assert_array_equal(kept.vectors, before)


def test_static_vectors_of_the_packaged_model(packaged: Encoder, packaged_reference: Reference) -> None:
    """The input embedding table is transformers' own, to the bit."""
    found = packaged.static_vectors()
    assert found.dtype == np.float32
    assert found.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(found, packaged_reference.table())


def test_static_vectors_do_not_depend_on_where_the_model_was(small_bert: Path, load: Load, tmp_path: Path) -> None:
    """A model that was converted in one place and then moved gives its input embeddings in the other."""
    before = copytree(small_bert, tmp_path / "before")
    expected = load(before, max_seq_length=77).static_vectors()
    after = before.rename(tmp_path / "after")
    np.testing.assert_array_equal(load(after, max_seq_length=77).static_vectors(), expected)
    rmtree(after)


def test_half_precision_weights(small_bert: Path, load: Load, tmp_path: Path) -> None:
    """Weights stored as bfloat16, which NumPy does not have, are read exactly and computed with in fp32."""
    import torch
    from transformers import AutoModel

    folder = copytree(small_bert, tmp_path / "model")
    AutoModel.from_pretrained(small_bert, dtype=torch.bfloat16).save_pretrained(folder)
    encoder, reference = load(folder), Reference(folder)
    np.testing.assert_array_equal(encoder.static_vectors(), reference.table())
    check_layers(encoder, reference, ["A bee has wings.", "a jet"], [2])


def test_what_is_cut_off_is_counted(encoder: Encoder) -> None:
    """Instead of a warning there are the tokens that were not read; the vectors are the same."""
    found, cut = encoder.encode_tokens_counted(["word " * 300, "a bee"], 2)
    assert cut.tolist() == [300 + 2 - encoder.max_seq_length, 0]
    assert len(found[0].vectors) == encoder.max_seq_length
    np.testing.assert_allclose(found[1].vectors, encoder.encode_tokens(["a bee"], 2)[0].vectors, atol=1e-5)


def test_vectors_of_content_are_those_of_the_tokens_that_are_not_special(encoder: Encoder) -> None:
    """Of every layer, cut texts and such of no word too; the arithmetic may be bf16."""
    texts = ["A bee has wings.", "word " * 300, "", "jet", "北京 🐝 [SEP] x"]
    for layer in (0, 1, -1):
        tokens = encoder.encode_tokens(texts, layer)
        found = encoder.encode_content(texts, layer)
        assert len(found) == len(texts)
        for vectors, expected in zip(found, tokens, strict=True):
            own = expected.vectors[1:-1]
            assert vectors.shape == own.shape
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(own, axis=1)
            assert ((vectors * own).sum(axis=1) >= 0.99 * lengths).all()
    assert encoder.encode_content([]) == []
