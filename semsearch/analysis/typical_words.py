"""The words that one group of texts has more often than the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

__all__ = ["TYPICAL", "typical_words"]

TYPICAL = 5
"""Words that are named of each group, at most."""


def typical_words(
    groups: Sequence[Sequence[set[str]]], background: Sequence[set[str]], without: Sequence[str]
) -> list[tuple[str, ...]]:
    """For each group of texts, given by their words, the words that are more frequent in it than in all others.

    The order is that of the log-likelihood ratio (Dunning, "Accurate methods for the statistics of surprise and
    coincidence", 1993), over texts that have a word. ``without`` are words that do not count.
    """
    counts = [Counter(word for text in group for word in text) for group in [*groups, background]]
    texts = [len(group) for group in [*groups, background]]
    everywhere = sum(counts, Counter())
    return [
        _rank_typical(inside, size, everywhere - inside, sum(texts) - size, without)
        for inside, size in zip(counts[:-1], texts[:-1], strict=True)
    ]


def _rank_typical(
    inside: Counter[str], size: int, outside: Counter[str], others: int, without: Sequence[str]
) -> tuple[str, ...]:
    scores = {
        word: _ratio(count, size, outside[word], others)
        for word, count in inside.items()
        if word not in without and count * others > outside[word] * size
    }
    return tuple(sorted(scores, key=lambda word: (-scores[word], word))[:TYPICAL])


def _ratio(inside: int, size: int, outside: int, others: int) -> float:
    """Twice the logarithm of the likelihood ratio: two separate rates against one common rate."""
    together = (inside + outside) / (size + others)
    apart = _log_likelihood(inside, size, inside / size) + _log_likelihood(outside, others, outside / max(others, 1))
    return 2 * (apart - _log_likelihood(inside, size, together) - _log_likelihood(outside, others, together))


def _log_likelihood(count: int, size: int, rate: float) -> float:
    """Of a binomial with this rate, up to a constant."""
    return (count and count * math.log(rate)) + (size - count and (size - count) * math.log1p(-rate))
