"""Arguments that many functions take, checked in one way."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import SupportsIndex

from semsearch.common.documents import Document
from semsearch.common.errors import InputError, QueryError

__all__ = ["check_k", "check_string", "check_strings", "refuse_single"]


def check_k(k: SupportsIndex) -> int:
    """``k`` as a number of results that can be asked for, NumPy's integers too; raises :class:`QueryError`."""
    try:
        number = operator.index(k)
    except TypeError:
        number = 0
    if isinstance(k, bool) or number < 1:
        raise QueryError(f"k is {k!r}; ask for at least 1 result, and a whole number of them")
    return number


def check_string(value: object, what: str, error: type[InputError | QueryError] = QueryError) -> str:
    """The value, if it is a string."""
    if not isinstance(value, str):
        raise error(f"the {what} is {value!r:.40}; give a string")
    return value


def check_strings(values: object, what: str, error: type[InputError | QueryError] = InputError) -> list[str]:
    """Strings from any iterable, as a list; raises for a single one, and for what is none."""
    refuse_single(values, what, error)
    if not isinstance(values, Iterable):
        raise error(f"{what} are {values!r:.40}; give a list of strings")
    listed = list(values)
    for number, value in enumerate(listed):
        if not isinstance(value, str):
            raise error(f"number {number} of the {what} is of type {type(value).__name__}; give strings")
    return listed


def refuse_single(values: object, what: str, error: type[InputError | QueryError] = InputError) -> None:
    """Raise for a single text or document: a string is iterable too, but its letters are not what was meant."""
    if isinstance(values, str | bytes | Document):
        kind, listed = ("document", "[document]") if isinstance(values, Document) else ("string", "[text]")
        raise error(f"{what} is one {kind}, {values!r:.40}; put it in a list: {listed}")
