"""An encoder for tests of storage: quick, exact, and it counts what it is asked to encode."""

from __future__ import annotations

import functools
import re
import zlib
from types import SimpleNamespace

import numpy as np

from semsearch.common.documents import Role
from semsearch.encoder import Encoded, EncoderOptions
from semsearch.encoder.encoder import TokenVectors
from semsearch.encoder.tokenizer import TextTokens

UNKNOWN = re.compile("[\u0e00-\u0e7f]+")
"""Words that this encoder does not know: Thai ones."""
TOKEN = re.compile(r"\w{1,6}|[^\w\s\0]")


@functools.cache
def word_vector(word, dimension):
    """A direction for a word."""
    return np.random.default_rng(zlib.crc32(word.encode("utf-8", "replace"))).standard_normal(dimension)


class FakeEncoder:
    """A text's vector is the sum of its words' directions; words are of any length, tokens of six letters."""

    special_count = 2
    vocabulary_size = 1000

    def __init__(self, dimension=16, max_seq_length=32, name="fake", fingerprint="f" * 32):
        self.name = name
        self.fingerprint = fingerprint
        self.dimension = dimension
        self.max_seq_length = max_seq_length
        self.options = EncoderOptions()
        self.spec = SimpleNamespace(document_prompt="", hidden_size=dimension, layer_count=2, pooling=None)
        self.encoded = []

    def prompt(self, role):
        """None for any role."""
        del role
        return ""

    def encode(self, texts, role=None):
        """Vectors of queries; not counted."""
        del role
        words = [[word for word in text.split() if TOKEN.search(word)] for text in texts]
        vectors = [
            sum((word_vector(word, self.dimension) for word in found), np.zeros(self.dimension)) for found in words
        ]
        return np.array(vectors, np.float32).reshape(len(texts), self.dimension)

    def encode_counted(self, texts, role=None):
        """Vectors; every text that is no query is noted in ``encoded``."""
        self.encoded += texts if role is not Role.QUERY else []
        room = self.max_seq_length - self.special_count
        cut = [max(len(TOKEN.findall(text)) - room, 0) for text in texts]
        unknown = [len(UNKNOWN.findall(text)) for text in texts]
        read = [min(len(TOKEN.findall(text)), room) + self.special_count for text in texts]
        return Encoded(self.encode(texts, role), *np.array([cut, unknown, read], np.int64))

    def warn_of_cut(self, cut):
        """Nobody is warned."""

    def encode_tokens(self, texts, layer=-1, special=True):
        """As :meth:`encode_tokens_counted`, without the counts."""
        return self.encode_tokens_counted(texts, layer, special)[0]

    def encode_content(self, texts, layer=-1):
        """The vectors alone."""
        return [one.vectors for one in self.encode_tokens(texts, layer)]

    def encode_tokens_counted(self, texts, layer=-1, special=True, *, reduced=False):
        """A token's vector is its own direction and a little of those of all tokens of its text."""
        del layer, special, reduced
        room = self.max_seq_length - self.special_count
        found = [self._cut(tokens, room) for tokens in self.tokenize(texts)]
        cut = [len(tokens.ids) - len(kept.ids) for tokens, kept in zip(self.tokenize(texts), found, strict=True)]
        return [TokenVectors(tokens, self._in_context(tokens)) for tokens in found], np.array(cut, np.int64)

    def tokenize(self, texts, special=True):
        """Tokens without special ones, whatever is asked; ids are checksums."""
        del special
        found = []
        for text, (spans, starts) in zip(texts, self.content_offsets(texts), strict=True):
            words = tuple(text[start:end] for start, end in spans)
            ids = tuple(zlib.crc32(word.encode("utf-8", "replace")) for word in words)
            found.append(TextTokens(words, ids, tuple(spans), (False,) * len(ids), tuple(starts)))
        return found

    def decode(self, ids):
        """A word of letters for each id, which no test has."""
        return " ".join("qz" + "".join(chr(ord("a") + int(digit)) for digit in str(number)) for number in ids)

    def _in_context(self, tokens):
        own = np.array([word_vector(token.lower(), self.dimension) for token in tokens.tokens], np.float32)
        own = own.reshape(len(tokens.tokens), self.dimension)
        return own + 0.5 * own.mean(axis=0, keepdims=True) if len(own) else own

    @staticmethod
    def _cut(tokens, room):
        return TextTokens(*(getattr(tokens, name)[:room] for name in ("tokens", "ids", "offsets", "special", "starts")))

    def content_offsets(self, texts):
        """Spans of tokens, and whether each begins a word."""
        found = []
        for text in texts:
            spans = [match.span() for match in TOKEN.finditer(text)]
            found.append((spans, [not start or not text[start - 1].isalnum() for start, _ in spans]))
        return found


def stored_vectors(texts, dimension=16):
    """What a collection keeps of texts: vectors of length 1, rounded to float16."""
    vectors = FakeEncoder(dimension).encode(texts).astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32).astype(np.float16).astype(np.float64)


def scores_of(queries, rows):
    """Scores of stored rows: products; near 1 the cosine, which is 1 if float16 cannot tell it from 1."""
    products = queries @ rows.T
    lengths = np.linalg.norm(queries, axis=-1, keepdims=True) * np.linalg.norm(rows, axis=1)
    true = products / np.where(lengths > 0, lengths, 1)
    near = np.where(true >= 1 - 2.0**-22, 1, np.maximum(true, 1 - 2.0**-10))
    return np.clip(np.where(products >= 1 - 2.0**-10, near, products), -1, 1)


def cosines(query, texts, dimension=16):
    """Scores that a search for ``query`` must give to passages of these texts."""
    vector = FakeEncoder(dimension).encode([query])[0].astype(np.float64)
    return scores_of(vector / (np.linalg.norm(vector) or 1), stored_vectors(texts, dimension))
