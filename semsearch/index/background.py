"""How scores stand in a collection: what random pairs of its rows score, and what questions without a sense find."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Metric
from semsearch.index.rows import Rows

__all__ = ["Background", "measure_background"]

Float64 = npt.NDArray[np.float64]

SAMPLE = 1000
"""Rows of which each pair is one of the random pairs: half a million."""
SHARES = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1)
"""Of the random pairs, those whose score is kept."""
EULER = 0.5772156649
"""The mean of Gumbel's distribution at location 0 and scale 1 is Euler's constant."""
LARGEST_EXPONENT = 700.0
"""Beyond it e to the power of it is no float64; the confidence is 0 long before."""
LEAST_SCALE = 1e-6
"""Of Gumbel's distribution, where all answers score the same."""


@dataclass(frozen=True, slots=True)
class Background:
    """What scores are there by chance, among ``rows`` live rows.

    ``pairs`` are the scores of random pairs of rows that the shares ``SHARES`` of them do not exceed. ``location`` and
    ``scale`` are those of Gumbel's distribution (Gumbel 1958, Statistics of Extremes: that of the best of many) of the
    best scores of questions without a sense.
    """

    rows: int
    pairs: tuple[float, ...]
    location: float
    scale: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The background of :meth:`to_json`."""
        return cls(**{**values, "pairs": tuple(values["pairs"])})

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def percentiles(self, scores: Float32) -> Float64:
        """How many percent of random pairs of rows score less than each, float64[n]."""
        return 100 * np.interp(scores, self.pairs, SHARES)

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
    scores = _pair_scores(rows.take(sample), rows.metric)
    pairs = np.quantile(scores[np.triu_indices(len(sample), 1)], SHARES)
    scale = max(float(best_scores.std()) * math.sqrt(6) / math.pi, LEAST_SCALE)  # by the method of moments
    location = float(best_scores.mean()) - EULER * scale
    return Background(len(live), tuple(_shorten(pair) for pair in pairs), _shorten(location), _shorten(scale))


def _pair_scores(vectors: Float32, metric: Metric) -> Float32:
    """The score of each row with each, float32[n, n]."""
    products = vectors @ vectors.T
    if metric is not Metric.L2:
        return products
    squares = np.diag(products)
    distances: Float32 = np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))
    return -distances


def _shorten(number: float) -> float:
    """A number with the digits that mean anything."""
    return float(f"{number:.6g}")
