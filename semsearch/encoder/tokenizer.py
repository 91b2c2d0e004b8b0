"""Text to token ids and back, with nothing lost unnoticed.

The tokenizer is the model's own, run by the ``tokenizers`` library; padding is ours (see batching),
and truncation keeps what it cuts off, so that it can be counted and shown.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.common.documents import Span
from semsearch.common.environment import cache_folder, temporary_cache_folder
from semsearch.common.errors import ModelError, StorageError
from semsearch.common.unicode import replace_surrogates
from semsearch.encoder.cache import publish_file
from semsearch.encoder.spec import EncoderSpec

if TYPE_CHECKING:
    from tokenizers import Encoding
    from tokenizers import Tokenizer as RustTokenizer

__all__ = ["TextTokens", "TokenIds", "Tokenizer"]


@dataclass(frozen=True, slots=True)
class TextTokens:
    """One text as the model's tokenizer sees it; all five run in parallel, special tokens included.

    ``offsets`` are spans in the text that was given ((0, 0) for special tokens); ``starts`` tells which tokens
    begin a word, and which are further pieces of one.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    offsets: tuple[Span, ...]
    special: tuple[bool, ...]
    starts: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class TokenIds:
    """Ids of several texts, special tokens included, and how many tokens of each did not fit."""

    ids: list[list[int]]
    cut: list[int]


class Tokenizer:
    """The model's tokenizer; may be used by several threads at once."""

    def __init__(self, spec: EncoderSpec) -> None:
        self._rust = _load(spec)
        self.max_seq_length = spec.max_seq_length
        self.special_count = self._rust.num_special_tokens_to_add(is_pair=False)
        if self.max_seq_length <= self.special_count:
            raise ModelError(
                f"max_seq_length {self.max_seq_length} leaves no room beside {self.special_count} special "
                f"tokens; choose at least {self.special_count + 1}"
            )
        self._rust.no_padding()
        self._rust.enable_truncation(self.max_seq_length)

    def ids(self, texts: Sequence[str]) -> TokenIds:
        """Token ids as the model reads them, cut to ``max_seq_length``."""
        encodings = self._rust.encode_batch_fast([replace_surrogates(text) for text in texts])
        return TokenIds(
            ids=[encoding.ids for encoding in encodings],
            cut=[self._count_cut(encoding) for encoding in encodings],
        )

    def tokenize(self, texts: Sequence[str], special: bool = True, cut: bool = False) -> list[TextTokens]:
        """Tokens, ids and offsets of each text; all of it, or with ``cut`` as much as the model reads."""
        rust = self._rust if cut else self._whole
        encodings = rust.encode_batch([replace_surrogates(text) for text in texts], add_special_tokens=special)
        return [_text_tokens(encoding) for encoding in encodings]

    def content_offsets(self, texts: Sequence[str]) -> list[tuple[list[Span], list[bool]]]:
        """For each text, the span of every token and whether it begins a word; no special tokens."""
        encodings = self._whole.encode_batch([replace_surrogates(text) for text in texts], add_special_tokens=False)
        return [_content(encoding) for encoding in encodings]

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """Text of token ids; what normalisation took away (case, accents) does not come back."""
        self.check_ids(ids)
        return self._rust.decode(list(ids), skip_special_tokens=skip_special)

    def check_ids(self, ids: Sequence[int]) -> None:
        """Raise for an id that is not in the vocabulary."""
        limit = self.vocabulary_size
        for value in ids:
            if not 0 <= value < limit:
                raise ModelError(f"token id {value} is not in the vocabulary; ids run from 0 to {limit - 1}")

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Tokens of ids, as the vocabulary has them."""
        self.check_ids(ids)
        return [self._rust.id_to_token(value) or "" for value in ids]

    def token_id(self, token: str) -> int | None:
        """Id of a token of the vocabulary."""
        return self._rust.token_to_id(token)

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, added tokens included."""
        return self._rust.get_vocab_size(with_added_tokens=True)

    @functools.cached_property
    def _whole(self) -> RustTokenizer:
        """The same tokenizer without truncation: its state is fixed, so that threads can share it."""
        whole = type(self._rust).from_str(self._rust.to_str())
        whole.no_truncation()
        return whole

    def _count_cut(self, encoding: Encoding) -> int:
        return sum(len(part.ids) - self.special_count for part in encoding.overflowing)


def _text_tokens(encoding: Encoding) -> TextTokens:
    return TextTokens(
        tokens=tuple(encoding.tokens),
        ids=tuple(encoding.ids),
        offsets=tuple(encoding.offsets),
        special=tuple(bool(flag) for flag in encoding.special_tokens_mask),
        starts=tuple(_starts(encoding)),
    )


def _content(encoding: Encoding) -> tuple[list[Span], list[bool]]:
    return encoding.offsets, _starts(encoding)


def _starts(encoding: Encoding) -> list[bool]:
    words = encoding.word_ids
    return [position == 0 or word is None or word != words[position - 1] for position, word in enumerate(words)]


def _load(spec: EncoderSpec) -> RustTokenizer:
    from tokenizers import Tokenizer as RustTokenizer
    from tokenizers.normalizers import Lowercase, Sequence

    try:
        tokenizer = RustTokenizer.from_file(str(_tokenizer_file(spec)))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"the tokenizer of {spec.folder} cannot be read ({error}); save the model again") from error
    if spec.lower_case:
        tokenizer.normalizer = Sequence([part for part in (Lowercase(), tokenizer.normalizer) if part])
    return tokenizer


def _tokenizer_file(spec: EncoderSpec) -> Path:
    """``tokenizer.json`` of the model; made once by transformers from older vocabulary files."""
    of_the_model = spec.transformer / "tokenizer.json"
    if of_the_model.is_file():
        return of_the_model
    converted = cache_folder() / "tokenizers" / f"{spec.fingerprint}.json"
    if not converted.is_file():
        from transformers import AutoTokenizer

        fast = AutoTokenizer.from_pretrained(
            spec.transformer, local_files_only=True, trust_remote_code=spec.trust_remote_code
        )
        content = fast.backend_tokenizer.to_str().encode()
        try:
            publish_file(converted, content)
        except StorageError:
            converted = temporary_cache_folder() / "tokenizers" / converted.name
            publish_file(converted, content)
    return converted
