"""The masked-language-model head, compared with transformers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from semsearch.common.errors import QueryError, UnsupportedModelError
from semsearch.encoder import MaskedLanguageModel

TEXT = "the [MASK] flew over the [MASK]."


@pytest.fixture(scope="module")
def small_masked(tmp_path_factory: pytest.TempPathFactory, packaged_model: Path) -> Path:
    """A random BERT of two layers with a head."""
    from transformers import BertConfig, BertForMaskedLM

    from tests.support.transformers_reference import SMALL, save, shaken

    model = shaken(BertForMaskedLM(BertConfig(**SMALL)))
    return save(model, tmp_path_factory.mktemp("models") / "small-masked", packaged_model)


def test_masks_are_filled_as_transformers_does(small_masked: Path) -> None:
    """Tokens and probabilities for each mask are those of the softmax over transformers' logits."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(small_masked)
    batch = tokenizer(TEXT, return_tensors="pt")
    with torch.inference_mode():
        logits = AutoModelForMaskedLM.from_pretrained(small_masked).eval()(**batch).logits[0]
    places = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero().ravel()
    found = MaskedLanguageModel.load(small_masked).fill(TEXT, 4)
    assert len(found) == len(places) == 2
    for row, place in zip(found, places, strict=True):
        best = torch.softmax(logits[place], -1).topk(4)
        assert [one.name for one in row] == tokenizer.convert_ids_to_tokens(best.indices)
        np.testing.assert_allclose([one.score for one in row], best.values, rtol=1e-4)
        assert [one.rank for one in row] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "k", "named"),
    [("the bee flew", 5, r"put \[MASK\] where"), ("", 5, "nothing to fill"), (TEXT, 0, "k is 0")],
)
def test_texts_that_cannot_be_filled(small_masked: Path, text: str, k: int, named: str) -> None:
    """A text without a mask, and a wish for no token."""
    with pytest.raises(QueryError, match=named):
        MaskedLanguageModel.load(small_masked).fill(text, k)


def test_a_text_that_is_too_long_is_refused(small_masked: Path) -> None:
    """Nothing is cut off: what stands beside a mask decides what fills it."""
    with pytest.raises(QueryError, match="tokens, and the model reads"):
        MaskedLanguageModel.load(small_masked).fill("bee " * 600 + "[MASK]")


def test_a_model_without_a_head_says_so(packaged_model: Path, small_masked: Path, tmp_path: Path) -> None:
    """The packaged model has none; nor has a model that only claims one."""
    import shutil

    from safetensors.numpy import load_file, save_file

    with pytest.raises(UnsupportedModelError, match="has no masked-language-model head"):
        MaskedLanguageModel.load(packaged_model)
    folder = shutil.copytree(small_masked, tmp_path / "headless")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("cls.")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UnsupportedModelError, match="has no masked-language-model head"):
        MaskedLanguageModel.load(folder)


@pytest.mark.data
def test_bert_base_uncased_gives_the_published_numbers() -> None:
    """Ids 1045 2293 5597 999 fed alone give 1 x 4 x 768 numbers that begin as published."""
    from semsearch.encoder import Encoder

    encoder = Encoder.load(_bert_base_uncased(), precision="f32")
    (text,) = encoder.tokenize(["I love mathematics!"], special=False)
    assert text.ids == (1045, 2293, 5597, 999)
    vectors = np.stack(encoder.encode_ids([text.ids]))
    assert vectors.shape == (1, 4, 768)
    published = [
        [0.0648, 0.3697, 0.0214, 0.0242, -0.2595],
        [0.4542, 0.9776, 0.3335, -0.0131, -0.0401],
        [0.0373, 1.0036, 0.0657, -0.0548, 0.0196],
        [0.1830, 0.9067, 0.3583, -0.0487, -0.2368],
    ]
    np.testing.assert_allclose(vectors[0, :, :5], published, atol=1e-4)


def _bert_base_uncased() -> str:
    """The folder of the real weights, or a skip that says where they were looked for."""
    import huggingface_hub

    variable = "SEMSEARCH_BERT_BASE_UNCASED"
    if folder := os.environ.get(variable):
        return folder
    names = ("bert-base-uncased", "google-bert/bert-base-uncased")
    for name in names:
        if isinstance(path := huggingface_hub.try_to_load_from_cache(name, "model.safetensors"), str):
            return str(Path(path).parent)
    pytest.skip(f"no weights of bert-base-uncased: neither ${variable} names a folder nor has the Hub cache them")
