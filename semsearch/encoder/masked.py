"""The masked-language-model head: from output vectors back to tokens (Devlin et al. 2019).

Sentence encoders are usually published without it; the models they were made from have it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from semsearch.common.arguments import check_k
from semsearch.common.arrays import Float32
from semsearch.common.errors import ModelError, QueryError, UnsupportedModelError
from semsearch.common.forks import in_new_thread, unforked
from semsearch.encoder.cache import read_json
from semsearch.encoder.locate import locate
from semsearch.encoder.runtimes.runtime import quiet
from semsearch.encoder.spec import EncoderOptions, read_spec
from semsearch.encoder.tokenizer import Tokenizer

__all__ = ["LikelyToken", "MaskedLanguageModel"]

WITH_HEAD = ("ForMaskedLM", "ForPreTraining")
"""Endings of the names of transformers' classes whose weights have the head; other heads are not of BERT's kind."""


@dataclass(frozen=True, slots=True)
class LikelyToken:
    """A token that may stand for a mask; ``rank`` counts from 1, ``score`` is its probability."""

    rank: int
    name: str
    score: float


class MaskedLanguageModel:
    """Fills masks in texts; get one from :meth:`load`."""

    def __init__(self, tokenizer: Tokenizer, mask: tuple[str, int], model: Any) -> None:
        self._tokenizer = tokenizer
        self.mask, self._mask_id = mask
        self._model = model

    @classmethod
    def load(cls, model: str | os.PathLike[str]) -> MaskedLanguageModel:
        """Load ``model``, a folder or a Hub id; raises ``UnsupportedModelError`` if it has no head."""
        folder = locate(str(model))
        spec = read_spec(folder, EncoderOptions())
        config = read_json(spec.transformer / "config.json")
        if not any(str(name).endswith(WITH_HEAD) for name in config.get("architectures") or ()):
            raise _head_error(model)
        tokenizer = Tokenizer(spec)
        return cls(
            tokenizer,
            _find_mask(spec.transformer, tokenizer),
            in_new_thread(partial(_load_head, spec.transformer, model)),
        )

    def fill(self, text: str, k: int = 5) -> list[list[LikelyToken]]:
        """The ``k`` likeliest tokens for each mask of ``text``, with their probabilities."""
        k = check_k(k)
        ids = self._tokenizer.tokenize([text])[0].ids
        if len(ids) > self._tokenizer.max_seq_length:
            raise QueryError(f"the text has {len(ids)} tokens, and the model reads {self._tokenizer.max_seq_length}")
        places = [place for place, token_id in enumerate(ids) if token_id == self._mask_id]
        if not places:
            raise QueryError(f"there is nothing to fill in {text[:40]!r}; put {self.mask} where a word is wanted")
        return [self._rank_tokens(row, k) for row in self._probabilities(ids)[places]]

    def _probabilities(self, ids: Sequence[int]) -> Float32:
        """Of every token at every place, float32[len(ids), vocabulary]."""
        with unforked():
            return in_new_thread(partial(self._compute_probabilities, ids))

    def _compute_probabilities(self, ids: Sequence[int]) -> Float32:
        import torch

        with torch.inference_mode():
            logits = self._model(input_ids=torch.tensor([ids])).logits[0]
            return np.asarray(torch.softmax(logits.float(), dim=-1).numpy())

    def _rank_tokens(self, probabilities: Float32, k: int) -> list[LikelyToken]:
        order = np.argsort(-probabilities[: self._tokenizer.vocabulary_size], kind="stable")[:k]
        tokens = self._tokenizer.tokens(order.tolist())
        return [
            LikelyToken(rank, token, float(probabilities[token_id]))
            for rank, (token, token_id) in enumerate(zip(tokens, order, strict=True), 1)
        ]


def _find_mask(transformer: Path, tokenizer: Tokenizer) -> tuple[str, int]:
    """The mask token as it is written, and its id."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = (read_json(transformer / name) or {}).get("mask_token")
        text = token.get("content") if isinstance(token, dict) else token
        if text and (number := tokenizer.token_id(text)) is not None:
            return text, number
    raise ModelError(f"the tokenizer of {transformer} names no mask token; save it again with transformers")


def _load_head(transformer: Path, name: str | os.PathLike[str]) -> Any:
    from transformers import AutoModelForMaskedLM

    with quiet():
        try:
            model, report = AutoModelForMaskedLM.from_pretrained(
                transformer, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError) as error:
            raise UnsupportedModelError(f"model {str(name)!r} cannot be loaded ({error}); save it again") from error
    if report["missing_keys"]:
        raise _head_error(name)
    return model.float().eval()


def _head_error(model: str | os.PathLike[str]) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"model {str(model)!r} has no masked-language-model head, so that it cannot turn vectors back into tokens; "
        "give one that has, such as --model bert-base-uncased"
    )
