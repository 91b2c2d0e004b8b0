"""Examples as they are given: texts or ids of documents, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from semsearch.common.errors import QueryError

__all__ = ["LIKE_WEIGHT", "UNLIKE_WEIGHT", "Examples", "weigh_examples"]

LIKE_WEIGHT = 1.0
UNLIKE_WEIGHT = 0.5
"""What is unlike says less of what is looked for than what is like."""
Examples = tuple[tuple[str, float], ...]
"""Texts or ids of documents, with their weights; negative ones are unlike what is looked for."""


def weigh_examples(given: Any, weight: float, what: str) -> Examples:
    """Examples with weights from a text, several, or a mapping of them to weights; raises :class:`QueryError`."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        pairs = [(text, _check_weight(number, text) * np.sign(weight)) for text, number in given.items()]
    elif isinstance(given, Sequence):
        pairs = [(text, weight) for text in given]
    else:
        raise QueryError(f"{what} is {given!r:.80}; give texts or ids, or a mapping of them to weights")
    for text, _ in pairs:
        if not isinstance(text, str) or not text.strip():
            raise QueryError(f"{what} has {text!r:.80}; give texts or ids of documents")
    return tuple((text, float(number)) for text, number in pairs)


def _check_weight(weight: Any, text: Any) -> float:
    is_number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
    if not is_number or not np.isfinite(weight) or weight <= 0:
        raise QueryError(f"the weight of example {text!r:.40} is {weight!r:.40}; give a number above 0")
    return float(weight)
