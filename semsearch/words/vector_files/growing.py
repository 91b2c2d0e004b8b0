"""A matrix with named rows that grows while a file is read; memory never holds a second copy of it."""

from __future__ import annotations

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import InputError
from semsearch.words.spaces.space import Space

__all__ = ["Growing"]

FIRST_ROWS = 1024
GROWTH = 8
"""When all rows are used, one eighth of their number is added."""


class Growing:
    """Named rows of one length; an ``InputError`` names ``place``, where in the file a bad one is."""

    def __init__(self, dimension: int, rows: int = FIRST_ROWS) -> None:
        self.names: list[str] = []
        self._places: dict[str, str] = {}
        self._rows = np.empty((rows, dimension), dtype=np.float32)

    @property
    def dimension(self) -> int:
        """Numbers in a row."""
        return int(self._rows.shape[1])

    def append(self, name: str, vector: Float32, place: str) -> None:
        """Add a row; raises for a name that is empty or there already, for another length, NaN and infinity."""
        if not name:
            raise InputError(f"{place}: a vector without a name; name it or leave it out")
        if name in self._places:
            raise InputError(f"{place}: {name!r} is there already, at {self._places[name]}; keep one of them")
        if len(vector) != self.dimension:
            raise InputError(
                f"{place}: the vector of {name!r} has {len(vector)} numbers, not {self.dimension} as before; "
                "all must have as many"
            )
        if not np.isfinite(vector).all():
            raise InputError(f"{place}: the vector of {name!r} holds NaN or infinity; leave it out or correct it")
        if len(self.names) == len(self._rows):
            self._resize(len(self._rows) + len(self._rows) // GROWTH + 1)
        self._rows[len(self.names)] = vector
        self.names.append(name)
        self._places[name] = place

    def space(self, path: object) -> Space:
        """The space of all rows; raises if there are none."""
        if not self.names:
            raise InputError(f"there are no vectors in {path}; give a file with a name and numbers on each line")
        self._resize(len(self.names))
        return Space(self.names, self._rows)

    def _resize(self, rows: int) -> None:
        # the memory is grown in place where the system can; nobody else has seen this array
        self._rows.resize((rows, self.dimension), refcheck=False)
