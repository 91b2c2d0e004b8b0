"""What somebody may have meant who gave a name that is not there."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable

__all__ = ["nearest_spellings"]

MOST_COMPARED = 20_000
"""Names that are compared letter by letter, which takes some 10 µs each."""
LENGTHS_APART = 2


def nearest_spellings(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Up to ``count`` of ``names`` that look like ``name``, most alike first."""
    lowered = {one.lower(): one for one in itertools.islice(_alike(name, names), MOST_COMPARED)}
    return [lowered[one] for one in difflib.get_close_matches(name.lower(), lowered, n=count, cutoff=0.7)]


def _alike(name: str, names: Iterable[str]) -> Iterable[str]:
    """Those of about the same length that share the first or the last letter."""
    first, last = name[:1].lower(), name[-1:].lower()
    for one in names:
        if abs(len(one) - len(name)) <= LENGTHS_APART and (one[:1].lower() == first or one[-1:].lower() == last):
            yield one
