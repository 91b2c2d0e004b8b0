"""The true neighbours of queries, by an exact scan. The queries are stored rows.

A row is searched for as if neither it nor its near copies were stored. Near copies of a text (versions, boilerplate,
quoted mail) lie closer together than anything else, and even the poorest index finds them. A query from outside has
no such copies: a recall that counts them would promise too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64
from semsearch.common.environment import thread_count
from semsearch.index.rows import Rows

__all__ = ["NEIGHBOURS", "Truth", "is_neighbour", "true_neighbours"]

NEIGHBOURS = 10
LOOKED_AT = 128
"""Nearest rows that are searched for copies, and behind these for neighbours and their equals."""
WIDE = 1.5
"""The step down behind the last copy is more than this many times the drop over the ten rows that follow it.

Measured on a million sentences: at 1 a quarter of the rows seem to have copies and their recall comes out 0.003
lower than that of texts held out, at 1.5 a tenth and 0.001; at 2 every fourth row with copies seems to have none.
"""
SAME = 1e-6
"""Scores that differ by less are equal: sums of the same products in another order differ by so much."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The neighbours of one stored row: those that score ``least`` or more, and are not ``ignored``.

    ``ignored`` are the row and its copies. ``all_known`` says whether ``rows`` are all neighbours; of very many that
    score the same they are some. ``all_equal`` says that nothing but the row's own equals was seen.
    """

    ignored: Int64
    rows: Int64
    least: float
    all_known: bool
    all_equal: bool


def true_neighbours(rows: Rows, covered: int, sample: Int64) -> tuple[Float32, list[Truth]]:
    """The vectors of the rows ``sample``, and their neighbours among the first ``covered`` rows.

    A row whose nearest rows are all its duplicates says nothing about recall. It is left out, unless all rows are so.
    """
    queries = rows.take(sample)
    scores, neighbours = rows.search(queries, LOOKED_AT + 1, end=covered, threads=thread_count())
    truth = [_neighbours(*row) for row in zip(sample.tolist(), scores, neighbours, strict=True)]
    telling = [number for number, row_truth in enumerate(truth) if not row_truth.all_equal] or list(range(len(truth)))
    return queries[telling], [truth[number] for number in telling]


def is_neighbour(rows: Rows, query: Float32, candidates: Int64, truth: Truth) -> npt.NDArray[np.bool_]:
    """Which candidates are true neighbours, bool[candidates]. Ignored candidates are first moved to the end."""
    ignored = np.isin(candidates, truth.ignored)
    moved = candidates[np.argsort(ignored, kind="stable")]
    if truth.all_known:
        return np.isin(moved, truth.rows)
    valid = candidates[(candidates >= 0) & ~ignored]
    scores, ranked = rows.search_among(query[None], max(1, len(valid)), valid)
    return np.isin(moved, ranked[0][scores[0] >= truth.least - _slack(truth.least)])


def _neighbours(own: int, scores: Float32, neighbours: Int64) -> Truth:
    """The truth for one row. ``least`` is the score of its tenth neighbour; with fewer rows, that of the last."""
    itself, others = neighbours == own, (neighbours >= 0) & (neighbours != own)
    alike = np.ptp(scores[others | itself]) <= _slack(float(scores[0]))
    scores, neighbours = scores[others], neighbours[others]
    seen, copies = len(scores), _count_copies(scores)
    ignored, scores, neighbours = np.append(neighbours[:copies], own), scores[copies:], neighbours[copies:]
    least = float(scores[min(NEIGHBOURS, len(scores)) - 1]) if len(scores) else math.inf
    near = scores >= least - _slack(least)
    endless = seen >= LOOKED_AT and bool(near[-1])
    return Truth(ignored, neighbours[near], least, all_known=not endless, all_equal=endless and bool(alike))


def _count_copies(scores: Float32) -> int:
    """How many of the nearest rows, best first, are copies: those above the widest step down, if it stands out.

    Only a step that has ten rows behind it counts, since these are to be the neighbours.
    """
    steps = scores[:-NEIGHBOURS] - scores[1 : 1 - NEIGHBOURS]
    if not len(steps):
        return 0
    last = int(np.argmax(steps))
    behind = scores[last + 1] - scores[last + NEIGHBOURS]
    return last + 1 if steps[last] > max(WIDE * behind, _slack(float(scores[0]))) else 0


def _slack(score: float) -> float:
    return SAME * max(1.0, abs(score))
