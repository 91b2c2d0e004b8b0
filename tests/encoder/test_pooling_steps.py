"""The steps from token vectors to a sentence vector end where the encoder does."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch.common.documents import Pooling
from semsearch.common.errors import UnsupportedModelError
from semsearch.encoder import Encoder

TEXTS = ["I love mathematics!", "a"]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", list(Pooling))
def test_the_last_step_is_the_encoders_vector(small_bert, small_reference, pooling, normalize):
    """For every pooling, as transformers' states give it, and as the encoder gives it."""
    encoder = Encoder.load(small_bert, runtime="torch", precision="f32", pooling=pooling, normalize=normalize)
    for text, whole in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        encoded, steps = encoder.pooling_steps(text)
        np.testing.assert_allclose(steps[-1].vector, whole, atol=1e-5)
        expected = small_reference.pooled([text], 512, pooling, normalize)[0]
        np.testing.assert_allclose(steps[-1].vector, expected, atol=1e-4)
        assert [step.name for step in steps] == [pooling.value, *(["normalize"] if normalize else [])]
        assert len(encoded.vectors) == len(encoded.tokens.ids)


def test_other_layers_and_shorter_vectors_are_steps_too(small_bert):
    """The mean of two layers, cut to eight numbers, at length 1."""
    encoder = Encoder.load(small_bert, runtime="torch", precision="f32", layer=(1, 2), truncate_dim=8, normalize=True)
    _, steps = encoder.pooling_steps(TEXTS[0])
    assert [step.name for step in steps] == ["mean", "truncate", "normalize"]
    np.testing.assert_allclose(steps[-1].vector, encoder.encode(TEXTS[:1])[0], atol=1e-5)


def test_a_model_with_modules_of_its_own_is_refused(tmp_path, small_bert):
    """A dense layer behind the pooling is no step that is known here."""
    from sentence_transformers import SentenceTransformer, models

    transformer = models.Transformer(str(small_bert))
    modules = [transformer, models.Pooling(32), models.Dense(32, 16)]
    SentenceTransformer(modules=modules).save(str(tmp_path / "dense"))
    with pytest.raises(UnsupportedModelError, match="modules of its own"):
        Encoder.load(tmp_path / "dense", runtime="torch").pooling_steps(TEXTS[0])
