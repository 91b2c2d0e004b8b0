"""Random models as large as the published ones, compared with transformers.

All of these tests are in one file, so that each model is made and converted once.
"""

from __future__ import annotations

import numpy as np
import pytest

from semsearch.encoder import Encoder
from tests.support.transformers_reference import TOLERANCE, Reference, check_layers

pytestmark = pytest.mark.filterwarnings("ignore::semsearch.common.errors.TruncationWarning")


@pytest.mark.slow
def test_full_size_models_equal_transformers(
    full_size_encoder: Encoder, full_size_reference: Reference, texts: list[str]
) -> None:
    """A random model as large as the published ones, without pooling settings, gives the means of its tokens."""
    texts = texts[:6] + texts[10:12]
    found = full_size_encoder.encode_counted(texts).vectors
    expected = full_size_reference.pooled(texts, 512, normalize=False)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.slow
def test_layers_of_full_size_models(
    full_size_encoder: Encoder, full_size_reference: Reference, texts: list[str]
) -> None:
    """The first, a middle and the last hidden state of random full-size models are those of transformers."""
    check_layers(
        full_size_encoder, full_size_reference, texts[:6] + texts[10:12], [0, 4, full_size_encoder.spec.layer_count]
    )


@pytest.mark.slow
def test_static_vectors_of_full_size_models(full_size_encoder: Encoder, full_size_reference: Reference) -> None:
    """The input embedding table is found in models of other architectures, too."""
    np.testing.assert_array_equal(full_size_encoder.static_vectors(), full_size_reference.table())
