"""Cross-encoders, beside sentence-transformers' own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.encoder.cross_encoder import CrossEncoder
from tests.support.transformers_reference import SMALL, save, shaken

QUERY = "insects that fly"
TEXTS = ["A bee has wings.", "", "the jet [SEP] and the [MASK] have engines " * 30, "北京是中国的首都。", "x" * 300]


def _spread(model: Any) -> Any:
    """The model with noise on its parameters, and a last layer that sets pairs far apart."""
    shaken(model)
    last = [module for module in model.modules() if module.__class__.__name__ == "Linear"][-1]
    last.weight.data *= 50
    return model


@pytest.fixture(scope="session", params=["bert", "distilbert", "roberta"])
def pair_model(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    packaged_model: Path,
    byte_level_tokenizer: Path,
) -> Path:
    """Small models with one label: one knows segments, one has no word for them, one has a single one."""
    import transformers

    folder = tmp_path_factory.mktemp("models") / f"pairs-{request.param}"
    if request.param == "bert":
        config = transformers.BertConfig(**SMALL, num_labels=1)
        return save(_spread(transformers.BertForSequenceClassification(config)), folder, packaged_model)
    if request.param == "distilbert":
        config = transformers.DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, num_labels=1)
        return save(_spread(transformers.DistilBertForSequenceClassification(config)), folder, packaged_model)
    config = transformers.RobertaConfig(
        **SMALL,
        vocab_size=330,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        max_position_embeddings=66,
        num_labels=1,
    )
    return save(_spread(transformers.RobertaForSequenceClassification(config)), folder, byte_level_tokenizer)


@pytest.fixture(params=["openvino", "torch"])
def load_pairs(
    request: pytest.FixtureRequest,
    convert_here: list[list[str]],  # noqa: ARG001 - conversions happen in this process
) -> Callable[[Path], CrossEncoder]:
    """Load a cross-encoder on each runtime, in exact arithmetic."""
    return lambda folder: CrossEncoder.load(folder, runtime=request.param, precision="f32")


def test_scores_are_those_of_sentence_transformers(
    pair_model: Path, load_pairs: Callable[[Path], CrossEncoder]
) -> None:
    """Both runtimes give what sentence-transformers predicts, for texts of all lengths in one call."""
    from sentence_transformers import CrossEncoder as Theirs

    ours = load_pairs(pair_model)
    theirs = Theirs(str(pair_model), device="cpu", max_length=ours.max_seq_length)
    expected = theirs.predict([(QUERY, text) for text in TEXTS], batch_size=1)
    scores = ours.score(QUERY, TEXTS)
    assert scores.dtype == np.float32
    apart = np.abs(expected[:, None] - expected)[~np.eye(len(TEXTS), dtype=bool)]
    assert np.abs(scores - expected).max() < apart.min() / 10


def test_the_published_activation_is_used(
    tmp_path: Path, packaged_model: Path, load_pairs: Callable[[Path], CrossEncoder], edit_json: Callable[..., None]
) -> None:
    """A model that names its activation gets it: here none, so that scores are the logits."""
    import transformers

    config = transformers.BertConfig(**SMALL, num_labels=1)
    folder = save(_spread(transformers.BertForSequenceClassification(config)), tmp_path / "model", packaged_model)
    squashed = load_pairs(folder).score(QUERY, TEXTS)
    activation = {"activation_fn": "torch.nn.modules.linear.Identity", "version": "5.0.0"}
    edit_json(folder / "config.json", {"sentence_transformers": activation})
    logits = load_pairs(folder).score(QUERY, TEXTS)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), squashed, atol=1e-4)


def test_nothing_to_score(pair_model: Path, load_pairs: Callable[[Path], CrossEncoder]) -> None:
    """No texts have no scores."""
    assert load_pairs(pair_model).score(QUERY, []).shape == (0,)


def test_an_encoder_is_no_cross_encoder(packaged_model: Path) -> None:
    """A model without a trained classifier is refused: its scores would be of random weights."""
    with pytest.raises(UnsupportedModelError, match="is no cross-encoder"):
        CrossEncoder.load(packaged_model)


@pytest.mark.parametrize("labels", [2, 3])
def test_several_labels_are_refused(tmp_path: Path, packaged_model: Path, labels: int) -> None:
    """A classifier of several labels gives no score, and the message says how many it has."""
    import transformers

    config = transformers.BertConfig(**SMALL, num_labels=labels)
    folder = save(transformers.BertForSequenceClassification(config), tmp_path / "model", packaged_model)
    with pytest.raises(UnsupportedModelError, match=f"gives {labels} labels"):
        CrossEncoder.load(folder)


def test_a_damaged_model_is_a_model_error(tmp_path: Path, packaged_model: Path) -> None:
    """Weights that cannot be read are an error of ours, on the runtime that reads them."""
    import transformers

    config = transformers.BertConfig(**SMALL, num_labels=1)
    folder = save(transformers.BertForSequenceClassification(config), tmp_path / "model", packaged_model)
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError):
        CrossEncoder.load(folder, runtime="torch")
