"""What transformers itself computes, and random models to compute it with.

The models have every parameter changed from its starting value, so that a bias or a scale that gets lost
shows. The reference feeds one text at a time, so that it knows nothing of padding and batches.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.documents import Pooling
from semsearch.encoder import Encoder

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
TOLERANCE = 1e-4
"""Of a number of a vector: both sum float32 in other orders."""
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
POOL: dict[Pooling, Callable[[Float32], Float32]] = {
    Pooling.MEAN: lambda states: states.mean(axis=0),
    Pooling.CLS: lambda states: states[0],
    Pooling.MAX: lambda states: states.max(axis=0),
    Pooling.MEAN_SQRT_LENGTH: lambda states: states.sum(axis=0) / np.sqrt(len(states)),
    Pooling.LAST: lambda states: states[-1],
}


class Reference:
    """What transformers computes, one text at a time, without a line of semsearch."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.model = AutoModel.from_pretrained(folder, dtype="float32").eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self._known: dict[tuple[int, ...], list[Float32]] = {}

    def tokens(self, text: str, max_length: int | None = None, special: bool = True) -> dict[str, Any]:
        """Ids, offsets and special-token flags; lone surrogates, which it refuses, as U+FFFD."""
        clean = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
        found: dict[str, Any] = self.tokenizer(
            clean,
            truncation=max_length is not None,
            max_length=max_length,
            padding=False,
            add_special_tokens=special,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        return found

    def states(self, ids: Sequence[int]) -> list[Float32]:
        """Every layer's token vectors, float32[tokens, hidden size], the embeddings first."""
        import torch

        key = tuple(ids)
        if key not in self._known:
            with torch.inference_mode():
                found = self.model(input_ids=torch.tensor([key]), output_hidden_states=True)
            self._known[key] = [state[0].numpy() for state in found.hidden_states]
        return self._known[key]

    def pooled(
        self, texts: Sequence[str], max_length: int, pooling: Pooling = Pooling.MEAN, normalize: bool = True
    ) -> Float32:
        """One vector a text."""
        rows = [self.states(self.tokens(text, max_length)["input_ids"])[-1] for text in texts]
        vectors = np.stack([POOL[pooling](states) for states in rows])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if normalize else vectors

    def table(self) -> Float32:
        """The input embeddings."""
        found: Float32 = self.model.get_input_embeddings().weight.detach().numpy()
        return found


def shaken(model: Any, seed: int = 0) -> Any:
    """The model with noise on all of its parameters."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(
                torch.randn(parameter.shape, generator=generator), alpha=0.03 if parameter.dim() > 1 else 0.1
            )
    return model


def save(model: Any, folder: Path, tokenizer: Path) -> Path:
    """A folder as the Hub has it: safetensors, configuration, tokenizer."""
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
    return folder


def check_layers(encoder: Encoder, reference: Reference, texts: list[str], layers: list[int]) -> None:
    """Compare tokens and vectors of each layer, texts in one call, with one text at a time."""
    tokens = [reference.tokens(text, encoder.max_seq_length) for text in texts]
    expected = [reference.states(one["input_ids"]) for one in tokens]
    for layer in layers:
        for found, one, states in zip(encoder.encode_tokens(texts, layer), tokens, expected, strict=True):
            assert list(found.tokens.ids) == one["input_ids"]
            assert list(found.tokens.offsets) == one["offset_mapping"]
            assert found.vectors.dtype == np.float32
            np.testing.assert_allclose(found.vectors, states[layer], atol=TOLERANCE)
