"""Questions without a sense, whose answers show what an encoder finds where there is nothing to find.

They are random words of the model's own vocabulary: no collection is about them, whatever it is about, and they are in
the model's languages.
"""

from __future__ import annotations

import weakref

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.documents import Role
from semsearch.encoder import Encoder

__all__ = ["encode_nonsense"]

QUESTIONS = 128
"""Enough for the two numbers of Gumbel's distribution: of 4,000 they are the same to a hundredth of a cosine."""
FEWEST = 32
"""A model with words for fewer questions gets none: the two numbers would be by chance."""
WORDS = 4
"""Of a question. With 2, 8 or 16 the scores are about the same."""

_encoded: weakref.WeakKeyDictionary[Encoder, Float32] = weakref.WeakKeyDictionary()


def encode_nonsense(encoder: Encoder) -> Float32:
    """The vectors of questions without a sense, float32[m, dimension]; always the same.

    There are none if the vocabulary has too few tokens of letters.
    """
    vectors = _encoded.get(encoder)
    if vectors is None:
        questions = _make_questions(encoder)
        vectors = encoder.encode(questions, Role.QUERY) if questions else np.empty((0, encoder.dimension), np.float32)
        _encoded[encoder] = vectors
    return vectors


def _make_questions(encoder: Encoder) -> list[str]:
    generator = np.random.default_rng(0)
    tokens = generator.integers(encoder.vocabulary_size, size=4 * QUESTIONS * WORDS).tolist()
    words = [word for word in (encoder.decode([token]).strip() for token in tokens) if word.isalpha()]
    wanted = min(len(words) // WORDS, QUESTIONS)
    return (
        [] if wanted < FEWEST else [" ".join(words[WORDS * number : WORDS * (number + 1)]) for number in range(wanted)]
    )
