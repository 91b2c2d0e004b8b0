"""How scores stand in a collection: what random pairs of its rows score, and what questions without a sense find."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64, unit_length
from semsearch.common.documents import Metric
from semsearch.index.rows import NEAR_ONE, SAME, Rows

__all__ = ["Background", "measure_background"]

Float64 = npt.NDArray[np.float64]

SAMPLE = 1000
"""Rows of which each pair is one of the random pairs: half a million."""
FEW_PAIRS = 500
"""Up to so many pairs, the scores of all are kept."""
SHARES = (0.0, 0.001, 0.005, *(0.02 * number - 0.01 for number in range(1, 51)), 0.995, 0.999, 0.9995, 0.9999, 1.0)
"""Of more pairs those are kept that stand at these shares of the way from the least to the largest score."""
EULER = 0.5772156649
"""The mean of Gumbel's distribution at location 0 and scale 1 is Euler's constant."""
SLACK = 1e-6
"""What rounding may add to a score."""
LARGEST_EXPONENT = 700.0
"""Beyond it e to the power of it is no float64; the confidence is 0 long before."""
LEAST_SCALE = 1e-6
"""Of Gumbel's distribution, where all answers score the same."""


@dataclass(frozen=True, slots=True)
class Background:
    """What scores are there by chance, among ``rows`` live rows of ``file_rows`` in the file.

    ``pairs`` are scores of random pairs of rows, ascending, and ``shares`` the share of all pairs that score less than
    each. ``location`` and ``scale`` are those of Gumbel's distribution (Gumbel 1958, Statistics of Extremes: that of
    the best of many) of the best scores of questions without a sense.
    """

    rows: int
    file_rows: int
    pairs: tuple[float, ...]
    shares: tuple[float, ...]
    location: float
    scale: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The background of :meth:`to_json`."""
        return cls(**{**values, "pairs": tuple(values["pairs"]), "shares": tuple(values["shares"])})

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def percentiles(self, scores: Float32) -> Float64:
        """How many percent of random pairs of rows score less than each, float64[n]; between kept pairs on a line."""
        pairs, shares = np.array([*self.pairs, np.inf]), np.array([*self.shares, 1.0])
        asked = scores.astype(np.float64)
        asked -= SLACK * np.maximum(1, np.abs(asked))  # what is as near as a pair is not nearer
        above = np.searchsorted(pairs, asked)
        below = np.maximum(above - 1, 0)
        is_between = (above > 0) & (above < len(self.pairs)) & (pairs[above] > asked)
        width = np.where(is_between, pairs[above] - pairs[below], 1.0)
        way = np.where(is_between, (asked - pairs[below]) / width, 1.0)
        percentiles: Float64 = 100 * (shares[below] + way * (shares[above] - shares[below]))
        return percentiles

    def confidences(self, scores: Float32) -> Float64:
        """The share of questions without a sense whose best answer scores less than each, float64[n] from 0 to 1."""
        exponents = (self.location - scores.astype(np.float64)) / self.scale
        return np.exp(-np.exp(np.minimum(exponents, LARGEST_EXPONENT)))


def measure_background(rows: Rows, live: Int64, best_scores: Float32) -> Background:
    """The background of the rows ``live``, two or more.

    ``best_scores``, float32[m], are those of the answers to questions without a sense. Always the same for the same
    rows.
    """
    sample = live if len(live) <= SAMPLE else np.sort(np.random.default_rng(0).choice(live, SAMPLE, replace=False))
    scores = np.sort(_pair_scores(rows.take(sample), rows.metric)[np.triu_indices(len(sample), 1)])
    places = np.arange(len(scores)) if len(scores) <= FEW_PAIRS else (np.array(SHARES) * (len(scores) - 1)).astype(int)
    scale = max(float(best_scores.std()) * math.sqrt(6) / math.pi, LEAST_SCALE)  # by the method of moments
    location = float(best_scores.mean()) - EULER * scale
    return Background(
        rows=len(live),
        file_rows=len(rows),
        pairs=tuple(map(_shorten, scores[places])),
        shares=tuple(map(_shorten, places / len(scores))),
        location=_shorten(location),
        scale=_shorten(scale),
    )


def _pair_scores(vectors: Float32, metric: Metric) -> Float64:
    """The score of each row with each, float64[n, n], as a search for the first has it."""
    exact = vectors.astype(np.float64)
    if metric is Metric.COSINE:
        units = unit_length(vectors).astype(np.float64)
        products, cosines = units @ exact.T, units @ units.T
        scores = np.where(products >= NEAR_ONE, np.where(cosines >= SAME, 1, cosines), products)
        return np.clip(scores, -1, 1)
    products = exact @ exact.T
    if metric is Metric.DOT:
        return products
    squares = np.diag(products)
    return -np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))


def _shorten(number: float) -> float:
    """A number with the digits that mean anything."""
    return float(f"{number:.8g}")
