"""Scores of all rows, of which a few are looked for again and again.

Most rows of a large collection have no word of a question, and a scan of them all takes longer than the rest of a
search. So rows are put into groups, row ``r`` into group ``r % groups``, and each group's largest score is kept: a
group without a large score need not be looked at.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from semsearch.common.arrays import Float32, Int64

__all__ = ["RowScores"]

GROUP_ROWS = 64
FEW_ROWS = 65_536
"""Scanned whole: that takes no time."""
MOST_GROUPS = 1 / 8
"""The share of groups above which all of the scores are scanned."""


class RowScores:
    """``values``, float32[rows], 0 for rows that have nothing; used by one thread."""

    def __init__(self, values: Float32) -> None:
        self.values = values
        self._groups = len(values) // GROUP_ROWS if len(values) > FEW_ROWS else 0
        self._grouped = values[: self._groups * GROUP_ROWS].reshape(GROUP_ROWS, self._groups)

    @cached_property
    def largest(self) -> float:
        """The largest score; 0 if there is none above."""
        return float(max(self._peaks.max(initial=0.0), self._rest.max(initial=0.0)))

    def at_least(self, least: float) -> Int64:
        """The rows of a score of ``least`` or more and above 0, in order."""
        groups = np.flatnonzero(self._peaks >= least)
        if not self._groups or len(groups) > MOST_GROUPS * self._groups:
            return np.flatnonzero((self.values >= least) & (self.values > 0))
        turns, places = np.nonzero(self._grouped[:, groups] >= least)
        rest = np.flatnonzero(self._rest >= least) + self._grouped.size
        rows = np.concatenate([turns * self._groups + groups[places], rest])
        return rows if least > 0 else rows[self.values[rows] > 0]

    def best(self, k: int) -> Int64:
        """The ``k`` rows of the largest scores above 0, largest first; of equal scores the lower row first."""
        rows = self.at_least(self._bound(k))
        values = self.values[rows]
        if len(rows) > k:
            least = np.partition(values, len(rows) - k)[len(rows) - k]
            above = np.flatnonzero(values > least)
            kept = np.concatenate([above, np.flatnonzero(values == least)[: k - len(above)]])
            rows, values = rows[kept], values[kept]
        return rows[np.lexsort((rows, -values))]

    def _bound(self, k: int) -> float:
        """A score that ``k`` rows reach: so many groups have one."""
        return float(np.partition(self._peaks, -k)[-k]) if 0 < k < self._groups else 0.0

    @cached_property
    def _peaks(self) -> Float32:
        peaks: Float32 = self._grouped.max(axis=0, initial=0.0)
        return peaks

    @property
    def _rest(self) -> Float32:
        """The last rows, which fill no group."""
        return self.values[self._grouped.size :]
