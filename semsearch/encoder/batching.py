"""Token ids to rectangular batches that waste little and keep every core busy.

Texts are sorted by length, so that a batch holds texts of nearly one length, and a batch is bounded
by its number of tokens rather than of texts: short texts and long ones then cost about the same
memory and time a batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from semsearch.common.arrays import Int64

__all__ = ["TOKEN_BUDGET", "pad", "pad_pairs", "plan"]

TOKEN_BUDGET = 768
"""Tokens a batch: larger ones leave the processor's L2 cache, smaller ones starve its matrix units."""


def plan(lengths: Sequence[int], streams: int, budget: int = TOKEN_BUDGET) -> list[Int64]:
    """Group text numbers into batches of about equal cost, longest first.

    The number of batches comes out near a multiple of ``streams``, so that no stream idles while
    another works on the last one. A text longer than the budget is a batch by itself, and one without
    any token, which a model cannot read, is in no batch.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    rounds = max(1, math.ceil(sizes.sum() / (budget * streams)))
    share = max(1, min(budget, math.ceil(sizes.sum() / (rounds * streams))))
    batches: list[Int64] = []
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    start = 0
    while start < len(order):
        # at least one; the first of a batch is its longest, hence its width
        count = max(1, round(share / int(sizes[order[start]])))
        batches.append(order[start : start + count])
        start += count
    return batches


def pad(ids: Sequence[Sequence[int]], batch: Int64, pad_id: int) -> tuple[Int64, Int64]:
    """Token ids and attention mask of one batch: two int64[texts, longest], padded on the right."""
    rows = [ids[number] for number in batch]
    width = max(len(row) for row in rows)
    tokens = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return tokens, mask


def pad_pairs(
    ids: Sequence[Sequence[int]], segments: Sequence[Sequence[int]], batch: Int64, pad_id: int
) -> tuple[Int64, Int64, Int64]:
    """As :func:`pad`, with the segment of each token, 0 in the padding."""
    return *pad(ids, batch, pad_id), pad(segments, batch, 0)[0]
