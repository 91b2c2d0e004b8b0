"""What a transformer's first layer is given: the embeddings of word, position and segment, and their sum.

Read from the weights by the names that BERT's relatives share, and added up here, where every step can be
seen (Devlin et al. 2019, figure 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.encoder.cache import read_json
from semsearch.encoder.spec import POSITIONS_AFTER_PADDING, EncoderSpec

__all__ = ["InputParts", "input_parts"]

WORD, POSITION, SEGMENT = "word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight"
SCALE, SHIFT = "LayerNorm.weight", "LayerNorm.bias"
OLD_NAMES = {"LayerNorm.gamma": SCALE, "LayerNorm.beta": SHIFT}
"""Of weights that were converted from TensorFlow, bert-base-uncased's own among them."""
NAMES = (WORD, POSITION, SEGMENT, SCALE, SHIFT, *OLD_NAMES)
EPSILON = 1e-12
"""Of the normalisation where config.json has none, as for DistilBERT."""


@dataclass(frozen=True, slots=True)
class InputParts:
    """The parts of one text's input, float32[tokens, h] each; a model without segments has zeros there.

    ``total`` is the sum of the first three, and ``normalized`` what LayerNorm makes of it: hidden layer 0.
    """

    word: Float32
    position: Float32
    segment: Float32
    total: Float32
    normalized: Float32


def input_parts(spec: EncoderSpec, ids: Sequence[int]) -> InputParts:
    """The parts for token ids in the first places of a text, all in the first segment."""
    if len(ids) > spec.max_seq_length:
        raise ModelError(f"a text of {len(ids)} tokens has no place for all; give {spec.max_seq_length} at most")
    weights = _weights(spec)
    first = spec.pad_id + 1 if spec.architecture in POSITIONS_AFTER_PADDING else 0
    word = weights[WORD][list(ids)]
    position = weights[POSITION][first : first + len(ids)]
    segment = np.broadcast_to(weights[SEGMENT][0], word.shape) if SEGMENT in weights else np.zeros_like(word)
    total = word + position + segment
    return InputParts(word, position, segment, total, _normalize(total, weights, spec))


def _normalize(total: Float32, weights: dict[str, Float32], spec: EncoderSpec) -> Float32:
    """Layer normalisation (Ba, Kiros and Hinton 2016)."""
    epsilon = float(read_json(spec.transformer / "config.json").get("layer_norm_eps", EPSILON))
    centred = total - total.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + epsilon)
    return np.asarray(centred / deviation * weights[SCALE] + weights[SHIFT], dtype=np.float32)


def _weights(spec: EncoderSpec) -> dict[str, Float32]:
    """The tables and the normalisation of the model's embedding layer, by their names in it."""
    weights: dict[str, Float32] = {}
    for path in sorted(spec.folder.rglob("*.safetensors")):
        weights |= _embeddings_in(path)
    missing = [name for name in (WORD, POSITION, SCALE, SHIFT) if name not in weights]
    if missing:
        raise UnsupportedModelError(
            f"the input of {spec.architecture} model {spec.folder} has no {missing[0]}; "
            "parts can be shown for BERT, DistilBERT, RoBERTa, MPNet and their like"
        )
    return weights


def _embeddings_in(path: Path) -> dict[str, Float32]:
    import safetensors

    tables = {}
    with safetensors.safe_open(path, framework="pt") as file:  # NumPy has no bfloat16
        for key in file.keys():  # noqa: SIM118 - not a dict
            for name in NAMES:
                if f".{key}".endswith(f".embeddings.{name}"):
                    tables[OLD_NAMES.get(name, name)] = file.get_tensor(key).float().numpy()
    return tables
