"""Text to token ids and back, with nothing lost unnoticed.

The tokenizer is the model's own, run by the ``tokenizers`` library; padding is ours (see batching),
and truncation keeps what it cuts off, so that it can be counted and shown.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semsearch.common.documents import Span
from semsearch.common.environment import cache_folder
from semsearch.common.errors import ModelError, StorageError
from semsearch.common.forks import unforked
from semsearch.common.threads import computed_once
from semsearch.common.unicode import replace_surrogates
from semsearch.encoder.cache import publish_sealed, read_sealed
from semsearch.encoder.spec import EncoderSpec

if TYPE_CHECKING:
    from tokenizers import Encoding
    from tokenizers import Tokenizer as RustTokenizer

__all__ = ["PairTokens", "TextTokens", "TokenIds", "Tokenizer"]


UNIGRAM_UNKNOWN = "<unk>"
"""The token for what is not in the vocabulary, in models that do not name it: SentencePiece's."""


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

    def _repr_html_(self) -> str:
        """A table for notebooks, a column a token: tokens above their ids. All text is escaped."""
        from html import escape

        tokens = "".join(
            f"<td>{'<i>' if special else ''}{escape(token)}{'</i>' if special else ''}</td>"
            for token, special in zip(self.tokens, self.special, strict=True)
        )
        ids = "".join(f"<td>{token_id}</td>" for token_id in self.ids)
        return f"<table><tr><th>token</th>{tokens}</tr><tr><th>id</th>{ids}</tr></table>"


@dataclass(frozen=True, slots=True)
class TokenIds:
    """Ids of several texts, special tokens included; how many tokens of each did not fit, and are not known."""

    ids: list[list[int]]
    cut: list[int]
    unknown: list[int]


@dataclass(frozen=True, slots=True)
class PairTokens:
    """Ids of pairs of texts as a model reads them, and of each token in which of the two texts it is."""

    ids: list[list[int]]
    segments: list[list[int]]


class Tokenizer:
    """The model's tokenizer; may be used by several threads at once."""

    def __init__(self, spec: EncoderSpec) -> None:
        self._rust = _load(spec)
        self.max_seq_length = spec.max_seq_length
        unknown = self._rust.token_to_id(getattr(self._rust.model, "unk_token", UNIGRAM_UNKNOWN) or "")
        self._unknown_id = -1 if unknown is None else unknown
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
        with unforked():
            encodings = self._rust.encode_batch_fast([replace_surrogates(text) for text in texts])
        return TokenIds(
            ids=[encoding.ids for encoding in encodings],
            cut=[self._count_cut(encoding) for encoding in encodings],
            unknown=[encoding.ids.count(self._unknown_id) for encoding in encodings],
        )

    def pairs(self, first: str, seconds: Sequence[str]) -> PairTokens:
        """Ids of a text with each of some others, cut to ``max_seq_length`` at the end of the longer one."""
        with unforked():
            encodings = self._rust.encode_batch_fast(
                [(replace_surrogates(first), replace_surrogates(second)) for second in seconds]
            )
        return PairTokens([one.ids for one in encodings], [one.type_ids for one in encodings])

    def tokenize(self, texts: Sequence[str], special: bool = True, cut: bool = False) -> list[TextTokens]:
        """Tokens, ids and offsets of each text; all of it, or with ``cut`` as much as the model reads."""
        rust = self._rust if cut else self._whole
        with unforked():
            encodings = rust.encode_batch([replace_surrogates(text) for text in texts], add_special_tokens=special)
        return [_text_tokens(encoding) for encoding in encodings]

    def content_offsets(self, texts: Sequence[str]) -> list[tuple[list[Span], list[bool]]]:
        """For each text, the span of every token and whether it begins a word; no special tokens."""
        with unforked():
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

    @computed_once
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

    _mind_forks()
    try:
        tokenizer = RustTokenizer.from_buffer(_tokenizer_json(spec))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"the tokenizer of {spec.folder} cannot be read ({error}); save the model again") from error
    if spec.lower_case:
        tokenizer.normalizer = Sequence([part for part in (Lowercase(), tokenizer.normalizer) if part])
    return tokenizer


def _tokenizer_json(spec: EncoderSpec) -> bytes:
    """``tokenizer.json`` of the model; made once by transformers from older vocabulary files."""
    of_the_model = spec.transformer / "tokenizer.json"
    if of_the_model.is_file():
        return of_the_model.read_bytes()
    converted = cache_folder() / "tokenizers" / f"{spec.fingerprint}.json"
    if (content := read_sealed(converted)) is not None:
        return content
    content = _convert(spec)
    with suppress(StorageError):  # what cannot be kept is made again next time
        publish_sealed(converted, content)
    return content


def _convert(spec: EncoderSpec) -> bytes:
    from transformers import AutoTokenizer

    fast = AutoTokenizer.from_pretrained(
        spec.transformer, local_files_only=True, trust_remote_code=spec.trust_remote_code
    )
    return str(fast.backend_tokenizer.to_str()).encode()


PARALLELISM = "TOKENIZERS_PARALLELISM"


@functools.cache
def _mind_forks() -> None:
    """Forbid the tokenizers library, by the variable that it looks at, its threads in children of a fork.

    Else it warns of every fork; and where the variable says that it may use threads, it would wait for them for ever.
    """
    changed: list[str | None] = []  # the first is what it was; several threads may fork at once

    def forbid() -> None:
        changed.append(os.environ.get(PARALLELISM))
        os.environ[PARALLELISM] = "false"

    def restore() -> None:
        if len(changed) > 1:
            changed.pop()
        elif (value := changed.pop()) is None:
            del os.environ[PARALLELISM]
        else:
            os.environ[PARALLELISM] = value

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=forbid, after_in_parent=restore)
