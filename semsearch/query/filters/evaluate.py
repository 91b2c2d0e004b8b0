"""Which documents fulfil a filter, by SQL's three-valued logic: true, false, or unknown where a value is missing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.errors import QueryError
from semsearch.common.suggestions import suggest
from semsearch.fields.columns import BOOLEAN, FLOAT, INTEGER, LARGEST_INTEGER, LIST, NULL, STRING, Columns, to_float
from semsearch.fields.paths import OWN_FIELDS, Path, write_path
from semsearch.fields.strings import equals, fits, is_before
from semsearch.query.filters.tree import (
    And,
    Compare,
    Contains,
    Field,
    In,
    IsNull,
    Like,
    Node,
    Not,
    Or,
    Value,
    filter_error,
)

__all__ = ["Matcher"]

Mask = npt.NDArray[np.bool_]

_NUMBER_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KIND_NAMES = {BOOLEAN: "booleans", INTEGER: "numbers", FLOAT: "numbers", STRING: "strings"}


@dataclass(frozen=True, slots=True)
class _Truth:
    """Of each document whether the condition is ``true`` or ``false``, bool[d]; else it is unknown."""

    true: Mask
    false: Mask


class Matcher:
    """Answers filters over the columns of all segments of a state."""

    def __init__(self, segments: Sequence[Columns]) -> None:
        self._segments = segments
        kinds: dict[Path, set[str]] = {}
        for segment in segments:
            for path, kind in segment.columns:
                kinds.setdefault(path, set()).add(kind)
        self.kinds = kinds
        """The types of values of each field that any document has."""

    def rows(self, tree: Node) -> Mask:
        """The rows whose document fulfils the filter, bool[rows].

        Raises :class:`QueryError` for a field that there is not, and for a value of another type than the field's.
        """
        if self._segments:
            self._check(tree)
        matched = [np.repeat(_judge(segment, tree).true, segment.sizes) for segment in self._segments]
        return np.concatenate([np.empty(0, np.bool_), *matched])

    def _check(self, node: Node) -> None:
        """Refuse what can be true of no document because it is a mistake."""
        if isinstance(node, And | Or):
            for part in node.parts:
                self._check(part)
        elif isinstance(node, Not):
            self._check(node.part)
        else:
            kinds = self.kinds_of(node.field)
            for value, suffix in _compared_values(node):
                _check_type(node, kinds, value, suffix)

    def kinds_of(self, field: Field) -> set[str]:
        """The types of values of a field; raises :class:`QueryError` if no document has it."""
        kinds = self.kinds.get(field.path)
        if kinds is None and field.path not in [(name,) for name in OWN_FIELDS]:
            names = [write_path(path) for path in self.kinds]
            advice = suggest(str(field), names, f"there are: {', '.join(sorted(names)[:12])}", likeness=0.5)
            problem = f"no document has a field {field}"
            raise filter_error(problem, field.column, advice) if field.column else QueryError(f"{problem}; {advice}")
        return kinds or set()


def _compared_values(node: Compare | In | Like | Contains | IsNull) -> list[tuple[Value, str]]:
    """The values that a field is compared with, and what the type of the field's ends with."""
    match node:
        case Compare():
            return [(node.value, "")]
        case In():
            return [(value, "") for value in node.values]
        case Like():
            return [(node.pattern, "")]
        case Contains():
            return [(node.value, LIST)]
        case IsNull():
            return []


def _check_type(node: Any, kinds: set[str], value: Value, suffix: str) -> None:
    """Refuse a value of another type than all of the field's."""
    there = kinds - {NULL, NULL + LIST}
    if not there or {kind + suffix for kind in _kinds_for(value)} & there:
        return
    field = node.field
    alone = {kind for kind in there if kind.endswith(LIST) == bool(suffix)}
    if not alone and suffix:
        raise filter_error(f"{field} holds no lists", node.column, "compare it with = or like")
    if not alone:
        raise filter_error(f"{field} holds lists", node.column, f"use: {field} contains …")
    names = sorted({_KIND_NAMES[kind.removesuffix(LIST)] for kind in alone})
    raise filter_error(
        f"{field} holds {' and '.join(names)}, and {value!r:.60} is {_name_type(value)}",
        node.column,
        "leave the quotes out" if isinstance(value, str) else "compare it with a value of its type",
    )


def _name_type(value: Value) -> str:
    return "a string" if isinstance(value, str) else "a boolean" if isinstance(value, bool) else "a number"


def _kinds_for(value: Value) -> tuple[str, ...]:
    if isinstance(value, str):
        return (STRING,)
    return (BOOLEAN,) if isinstance(value, bool) else (INTEGER, FLOAT)


def _judge(segment: Columns, node: Node) -> _Truth:
    match node:
        case And():
            parts = [_judge(segment, part) for part in node.parts]
            return _Truth(
                reduce(np.logical_and, [part.true for part in parts]),
                reduce(np.logical_or, [part.false for part in parts]),
            )
        case Or():
            parts = [_judge(segment, part) for part in node.parts]
            return _Truth(
                reduce(np.logical_or, [part.true for part in parts]),
                reduce(np.logical_and, [part.false for part in parts]),
            )
        case Not():
            part = _judge(segment, node.part)
            return _Truth(part.false, part.true)
        case IsNull():
            has_value = _has_value(segment, node.field)
            return _Truth(~has_value, has_value)
        case Contains():
            true = _find(segment, node.field, [("=", node.value)], LIST)
            is_list = _is_list(segment, node.field)
            return _Truth(true, is_list & ~true)
        case Like():
            return _either(segment, node.field, [("like", node.pattern)])
        case In():
            return _either(segment, node.field, [("=", value) for value in node.values])
        case Compare():
            return _either(segment, node.field, [(node.operator, node.value)])


def _either(segment: Columns, field: Field, comparisons: Sequence[tuple[str, Value]]) -> _Truth:
    """Whether one of the comparisons holds; false for other values of the types that are compared."""
    true = _find(segment, field, comparisons, "")
    compared = np.zeros(segment.documents, np.bool_)
    for kind in {kind for _, value in comparisons for kind in _kinds_for(value)}:
        column = segment.columns.get((field.path, kind))
        if column is not None:
            compared[column.documents] = True
    return _Truth(true, compared & ~true)


def _find(segment: Columns, field: Field, comparisons: Sequence[tuple[str, Value]], suffix: str) -> Mask:
    """The documents that have a value of which one of the comparisons is true."""
    true = np.zeros(segment.documents, np.bool_)
    for symbol, value in comparisons:
        for kind in _kinds_for(value):
            column = segment.columns.get((field.path, kind + suffix))
            if column is None:
                continue
            if isinstance(value, str):
                reached = _compare_strings(column, symbol, value)
            else:
                reached = _NUMBER_COMPARISONS[symbol](column.values, _comparable(value, kind))
            true[column.documents[reached]] = True
    return true


def _comparable(value: Any, kind: str) -> Any:
    """A number as it is compared with a column: integers with integers as such, all else as float64."""
    if kind == INTEGER and isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return np.int64(value)
    return value if kind == BOOLEAN else to_float(value)


def _compare_strings(column: Any, symbol: str, value: str) -> Mask:
    if symbol == "=":
        return equals(column, value)
    if symbol == "like":
        return fits(column, value)
    if symbol in ("<", "<="):
        return is_before(column, value, or_equal=symbol == "<=")
    return ~is_before(column, value, or_equal=symbol == ">")


def _has_value(segment: Columns, field: Field) -> Mask:
    has_value = np.zeros(segment.documents, np.bool_)
    for (path, kind), column in segment.columns.items():
        if path == field.path and kind != NULL:
            has_value[column.documents] = True
    return has_value


def _is_list(segment: Columns, field: Field) -> Mask:
    is_list = np.zeros(segment.documents, np.bool_)
    for (path, kind), column in segment.columns.items():
        if path == field.path and kind.endswith(LIST):
            is_list[column.documents] = True
    return is_list
