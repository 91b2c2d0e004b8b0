"""The encoder: texts in, float32 vectors out."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.common.arguments import check_strings
from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Role, Span
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.errors import (
    ModelError,
    TruncationWarning,
)
from semsearch.encoder.input_parts import InputParts, input_parts
from semsearch.encoder.locate import locate
from semsearch.encoder.runtimes.loading import load_runtime, parse_choice
from semsearch.encoder.runtimes.runtime import Progress, Runtime
from semsearch.encoder.spec import EncoderOptions, EncoderSpec, read_spec
from semsearch.encoder.tokenizer import TextTokens, Tokenizer

if TYPE_CHECKING:
    from semsearch.encoder.pooling_steps import PoolingStep

__all__ = ["Encoded", "Encoder", "TokenVectors"]

logger = logging.getLogger(__name__)

CHUNK = 8192
"""Texts that are tokenized at a time, which bounds the memory that their token ids take."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors, float32[texts, dimension].

    ``cut`` counts the tokens of each text that they do not cover. ``unknown`` counts those in them that the vocabulary
    has not, and that are all read as one and the same token. ``read`` counts all that the model has read now, special
    ones too: none for a vector that was there. They are int64[texts].
    """

    vectors: Float32
    cut: Int64
    unknown: Int64
    read: Int64

    @property
    def truncated(self) -> int:
        """Number of texts that did not fit."""
        return int(np.count_nonzero(self.cut))

    @property
    def tokens_cut(self) -> int:
        """Number of tokens, over all texts, that did not fit."""
        return int(self.cut.sum())


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Contextual embeddings of one text: ``vectors`` is float32[tokens, hidden size]."""

    tokens: TextTokens
    vectors: Float32


class Encoder:
    """Turns texts into vectors of one embedding space; get one from :meth:`load`. Thread-safe."""

    def __init__(self, name: str, spec: EncoderSpec, options: EncoderOptions, runtime: Runtime) -> None:
        self.name = name
        self.options = options
        self.spec = spec
        self._runtime = runtime
        self._tokenizer = Tokenizer(spec)
        if options.truncate_dim and runtime.dimension < options.truncate_dim:
            raise ModelError(
                f"truncate_dim {options.truncate_dim} is more than the {runtime.dimension} dimensions "
                f"of model {name!r}; choose fewer"
            )

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        runtime: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        options: EncoderOptions | None = None,
        local_only: bool = False,
        **chosen: Any,
    ) -> Encoder:
        """Load ``model``: a folder, a packaged name, or a Hub id, looked up in that order.

        ``runtime`` is ``auto``, ``openvino`` or ``torch``; ``precision`` is ``auto``, ``f32`` or ``bf16``.
        Fields of :class:`EncoderOptions` given by name replace those of ``options``. Raises a
        :class:`ModelError`; makes no network call if everything is on this machine, nor with ``local_only``. The log
        tells of slow first-time work.
        """
        options = replace(options or EncoderOptions(), **chosen)
        folder = locate(str(model), options.trust_remote_code, local_only)
        spec = read_spec(folder, options)
        loaded = load_runtime(spec, options, runtime, device, precision, threads)
        given_folder = Path(model).expanduser().resolve() == folder
        return cls(str(folder if given_folder else model), spec, options, loaded)  # a name that holds everywhere

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the embedding space."""
        return self.spec.fingerprint

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return self._runtime.dimension

    @property
    def max_seq_length(self) -> int:
        """Most tokens the model reads of one text, special tokens included."""
        return self.spec.max_seq_length

    @property
    def special_count(self) -> int:
        """Special tokens that are put around one text."""
        return self._tokenizer.special_count

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids."""
        return self._tokenizer.vocabulary_size

    @property
    def runtime(self) -> str:
        """``openvino`` or ``torch``."""
        return self._runtime.name

    @property
    def precision(self) -> str:
        """``f32`` or ``bf16``: the arithmetic of pooled vectors; token vectors are f32 unless ``reduced``."""
        return self._runtime.precision.value

    def encode(self, texts: Iterable[str], role: Role | str | None = None, progress: Progress | None = None) -> Float32:
        """Pooled vectors, float32[len(texts), dimension], in the order of ``texts``.

        ``role`` chooses the prompt that a model wants before a query or a document. A text without any token,
        which only tokenizers without special tokens give, gets zeros. Warns with
        :class:`TruncationWarning` if texts were longer than ``max_seq_length``.
        """
        encoded = self.encode_counted(texts, role, progress)
        self.warn_of_cut(encoded.cut)
        return encoded.vectors

    def encode_counted(
        self, texts: Iterable[str], role: Role | str | None = None, progress: Progress | None = None
    ) -> Encoded:
        """As :meth:`encode`, with the truncation returned as numbers instead of a warning."""
        texts = check_strings(texts, "texts")
        prompt = self.prompt(role)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        read, cut, unknown = np.zeros((3, len(texts)), dtype=np.int64)
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            tokens = self._tokenizer.ids([prompt + text for text in chunk] if prompt else chunk)
            self._runtime.fill_pooled(tokens.ids, vectors[start : start + len(chunk)], progress)
            read[start : start + len(chunk)] = [len(row) for row in tokens.ids]
            cut[start : start + len(chunk)] = tokens.cut
            unknown[start : start + len(chunk)] = tokens.unknown
        return Encoded(vectors, cut, unknown, read)

    def encode_tokens(
        self, texts: Iterable[str], layer: int | tuple[int, ...] = -1, special: bool = True
    ) -> list[TokenVectors]:
        """Contextual vectors of each text's tokens, float32[tokens, hidden size], of a layer or their mean.

        Without ``special`` the model is fed the bare tokens, with no special token around them. Warns as
        :meth:`encode` does.
        """
        encoded, cut = self.encode_tokens_counted(texts, layer, special)
        self.warn_of_cut(cut)
        return encoded

    def encode_tokens_counted(
        self, texts: Iterable[str], layer: int | tuple[int, ...] = -1, special: bool = True, *, reduced: bool = False
    ) -> tuple[list[TokenVectors], Int64]:
        """As :meth:`encode_tokens`, with the tokens cut off each text, int64[texts], instead of a warning.

        If ``reduced``, in the arithmetic of pooled vectors, which may be bf16: several times as fast.
        """
        texts = check_strings(texts, "texts")
        layers = self.check_layers(layer)
        tokens = self._tokenizer.tokenize(texts, special=special, cut=True)
        filled = [number for number, text in enumerate(tokens) if text.ids]
        ids = [tokens[number].ids for number in filled]
        hidden = self._runtime.compute_hidden(ids, layers, reduced=reduced) if filled else []
        empty = np.empty((0, self.spec.hidden_size), dtype=np.float32)
        vectors = dict(zip(filled, hidden, strict=True))
        every = [TokenVectors(text, vectors.get(number, empty)) for number, text in enumerate(tokens)]
        return every, self._count_cut(texts, tokens, special)

    def encode_content(self, texts: Iterable[str], layer: int = -1) -> list[Float32]:
        """Contextual vectors of each text's own tokens, float32[tokens, hidden size], and nothing else, quickly.

        In the arithmetic of pooled vectors, which may be bf16; special tokens are read, and left out. What is behind
        ``max_seq_length`` is left out in silence.
        """
        ids = self._tokenizer.ids(check_strings(texts, "texts")).ids
        begin, end = map(len, self.special_ids)
        filled = [row for row in ids if row]
        hidden = iter(self._runtime.compute_hidden(filled, self.check_layers(layer), reduced=True) if filled else ())
        empty = np.empty((0, self.spec.hidden_size), dtype=np.float32)
        return [next(hidden)[begin : len(row) - end] if row else empty for row in ids]

    def encode_ids(self, ids: Sequence[Sequence[int]], layer: int | tuple[int, ...] = -1) -> list[Float32]:
        """As :meth:`encode_tokens` for texts that are given as token ids, which the model reads as they are.

        One float32[ids, hidden size] a text; special tokens are the caller's matter. Raises a ``ModelError``
        for ids that are not in the vocabulary, for none, and for more than ``max_seq_length``.
        """
        layers = self.check_layers(layer)
        for row in ids:
            if not 0 < len(row) <= self.max_seq_length:
                raise ModelError(f"a text of {len(row)} token ids cannot be read; give 1 to {self.max_seq_length}")
            self._tokenizer.check_ids(row)
        return self._runtime.compute_hidden(ids, layers) if ids else []

    @property
    def special_ids(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids of the special tokens before and after a text."""
        tokens = self._tokenizer.tokenize(["a"])[0]
        first, last = tokens.special.index(False), len(tokens.ids) - tokens.special[::-1].index(False)
        return tokens.ids[:first], tokens.ids[last:]

    def static_vectors(self) -> Float32:
        """The input embedding layer, float32[vocabulary, embedding size]: what a token is before its context."""
        return self._runtime.static_vectors()

    def input_parts(self, text: str, special: bool = True) -> tuple[TextTokens, InputParts]:
        """The embeddings of word, position and segment that a text's tokens begin as, and their sum."""
        check_strings([text], "texts")
        (tokens,) = self._tokenizer.tokenize([text], special=special, cut=True)
        self.warn_of_cut(self._count_cut([text], [tokens], special))
        return tokens, input_parts(self.spec, tokens.ids)

    def attention(self, text: str, special: bool = True) -> tuple[TextTokens, Float32]:
        """How much each token takes of each, float32[layers, heads, tokens, tokens]; each row adds up to 1."""
        from semsearch.encoder.attention import attention

        check_strings([text], "texts")
        (tokens,) = self._tokenizer.tokenize([text], special=special, cut=True)
        self.warn_of_cut(self._count_cut([text], [tokens], special))
        return tokens, attention(self.spec, tokens.ids)

    def pooling_steps(self, text: str) -> tuple[TokenVectors, list[PoolingStep]]:
        """The token vectors that a text's vector is made of, and each step from them to it."""
        from semsearch.encoder.pooling_steps import pooling_steps

        (encoded,) = self.encode_tokens([self.prompt(None) + text], self.spec.layers)
        return encoded, list(pooling_steps(self.spec, encoded.vectors))

    def tokenize(self, texts: Iterable[str], special: bool = True) -> list[TextTokens]:
        """Tokens, ids and character offsets of the whole of each text, however long."""
        return self._tokenizer.tokenize(check_strings(texts, "texts"), special=special)

    def content_offsets(self, texts: Iterable[str]) -> list[tuple[list[Span], list[bool]]]:
        """For each text, the span of each token and whether it begins a word; no special tokens."""
        return self._tokenizer.content_offsets(check_strings(texts, "texts"))

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """Text of token ids."""
        return self._tokenizer.decode(ids, skip_special)

    def check_layers(self, layer: int | tuple[int, ...]) -> tuple[int, ...]:
        """The numbers, 0 to the last, of one layer or several; raises a ``ModelError`` for one that is not there."""
        count = self.spec.layer_count
        wanted = (layer,) if isinstance(layer, int) else layer
        choice = f"choose 0 (the input) to {count}, or -1 to {-count - 1}"
        if not wanted:
            raise ModelError(f"no layer is given; {choice}")
        for number in wanted:
            if not -count - 1 <= number <= count:
                raise ModelError(f"layer {number} does not exist; {choice}")
        return tuple(number % (count + 1) for number in wanted)

    def warn_of_cut(self, cut: Int64) -> None:
        """Warn with :class:`TruncationWarning` if tokens of a text were not read; ``cut`` counts them, int64[texts]."""
        if cut.any():
            warnings.warn(
                f"{np.count_nonzero(cut)} of {len(cut)} texts were longer than {self.max_seq_length} tokens; "
                f"{cut.sum()} tokens were not read: split the texts, or raise max_seq_length",
                TruncationWarning,
                stacklevel=3,
            )

    def _count_cut(self, texts: Sequence[str], tokens: Sequence[TextTokens], special: bool) -> Int64:
        """How many tokens of each text did not fit; only texts that fill the model can have such."""
        full = [number for number, text in enumerate(tokens) if len(text.ids) == self.max_seq_length]
        cut = np.zeros(len(tokens), dtype=np.int64)
        for number, whole in zip(full, self.tokenize([texts[number] for number in full], special), strict=True):
            cut[number] = len(whole.ids) - self.max_seq_length
        return cut

    def prompt(self, role: Role | str | None) -> str:
        """What the model wants before a text in this role."""
        if role is None:
            return self.spec.default_prompt
        return self.spec.query_prompt if parse_choice(role, Role, "role") is Role.QUERY else self.spec.document_prompt
