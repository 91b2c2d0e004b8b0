"""A word, or several, to be found in texts whatever their case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semsearch.common.arguments import check_string
from semsearch.common.documents import Span
from semsearch.common.errors import QueryError
from semsearch.encoder import Encoder
from semsearch.encoder.words import words_of

__all__ = ["Phrase", "fold_case"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """``words`` are the tokenizer's words with their case folded, in order; ``text`` is the phrase as it was given."""

    text: str
    words: tuple[str, ...]

    @classmethod
    def read(cls, text: str, encoder: Encoder) -> Phrase:
        """The phrase of a text; raises for one that has no token but special ones."""
        (tokens,) = encoder.tokenize([check_string(text, "word")], special=False)
        if not encoder.decode(tokens.ids).strip():
            raise QueryError(f"there is no token but special ones in {text!r}; give a word")
        return cls(text, tuple(fold_case(text[slice(*word.span)]) for word in words_of(text, tokens)))

    def matcher(self) -> Callable[[str], object]:
        """A quick test for texts: every text with the phrase passes it, and few others do.

        It relies on tokenizers not beginning a word between two ASCII letters.
        """
        first, last = self.words[0][0], self.words[-1][-1]
        before = "(?<![a-z])" if first.isascii() and first.isalpha() else ""
        behind = "(?![a-z])" if last.isascii() and last.isalpha() else ""
        pattern = re.compile(before + r"[\W_]*".join(map(re.escape, self.words)) + behind)
        return lambda text: pattern.search(fold_case(text))

    def places(self, text: str, spans: Sequence[Span]) -> list[slice]:
        """Which of a text's words, given by their spans, are the phrase, as slices of ``spans``."""
        written = [fold_case(text[start:end]) for start, end in spans]
        length = len(self.words)
        starts = [at for at, word in enumerate(written) if word == self.words[0]]
        return [slice(at, at + length) for at in starts if tuple(written[at : at + length]) == self.words]


def fold_case(text: str) -> str:
    """A text for comparing without regard to case: Unicode's canonical caseless matching (chapter 3, D145)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
