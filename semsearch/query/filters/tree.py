"""The tree of a filter. Nodes are values: two filters that mean the same by the same steps are equal.

``column`` is where in the text a node was written, from 1, and ``None`` in a mapping; it makes no difference.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from semsearch.common.errors import QueryError
from semsearch.fields.paths import Path, write_path

__all__ = ["MOST_NESTED", "And", "Compare", "Contains", "Field", "In", "IsNull", "Like", "Node", "Not", "Or", "Value"]
__all__ += ["check_value", "filter_error"]

MOST_NESTED = 100
"""Parentheses, or mappings, within each other."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is asked about."""

    path: Path
    column: int | None = dataclasses.field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return write_path(self.path)


@dataclass(frozen=True, slots=True)
class Compare:
    """``field operator value``, with one of ``= < <= > >=``."""

    field: Field
    operator: str
    value: Value
    column: int | None = dataclasses.field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class In:
    """Whether the field has one of the values."""

    field: Field
    values: tuple[Value, ...]
    column: int | None = dataclasses.field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a string fits a pattern: ``%`` is any text, ``_`` one character; ASCII letters fit in both cases."""

    field: Field
    pattern: str
    column: int | None = dataclasses.field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Contains:
    """Whether a list has the value."""

    field: Field
    value: Value
    column: int | None = dataclasses.field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether the document has no value there."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them."""

    parts: tuple[Node, ...]


Node = Compare | In | Like | Contains | IsNull | Not | And | Or


def filter_error(problem: str, column: int | None, advice: str) -> QueryError:
    """The error for a filter that cannot be answered, with the place of the mistake."""
    where = "" if column is None else f" at column {column}"
    return QueryError(f"in the filter{where}: {problem}; {advice}")


def check_value(value: Any, column: int | None = None) -> Value:
    """The value, if a field can be compared with it; raises :class:`QueryError`."""
    if isinstance(value, str | bool | int) or (isinstance(value, float) and value == value):
        return value
    raise filter_error(f"{value!r:.80} is no value to compare with", column, "give a string, a number, true or false")
