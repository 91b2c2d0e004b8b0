"""Filters as mappings, for programs: ``{"year": {">=": 2020}, "lang": ["en", "de"]}``.

A key is a field (``author.name``, or with double quotes as in the text form), and all must hold. Its value is what the
field equals, a list of which it is one, ``None`` for no value, or a mapping of comparisons: those of the text form,
``in``, ``between``, ``like``, ``contains``, ``is_null``. The keys ``and`` and ``or`` have lists of mappings, ``not``
has one.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from semsearch.common.errors import QueryError
from semsearch.query.filters.parser import parse_field, parse_filter, to_path
from semsearch.query.filters.tree import (
    MOST_NESTED,
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
    check_value,
    filter_error,
)

__all__ = ["Where", "to_tree"]

Where = str | Mapping[str, Any]
"""A filter in one of its two forms."""


def to_tree(where: Where) -> Node:
    """The tree of a filter; raises :class:`QueryError`."""
    if isinstance(where, str):
        return parse_filter(where)
    if isinstance(where, Mapping) and where:
        return _all_of(where, 0)
    raise QueryError(f"the filter is {where!r:.80}; give text such as 'year >= 2020', or a mapping")


def _all_of(where: Any, depth: int) -> Node:
    if depth > MOST_NESTED:
        raise QueryError(f"the filter has more than {MOST_NESTED} levels; use fewer, or a list of values")
    if not isinstance(where, Mapping) or not where:
        raise QueryError(f"in the filter: {where!r:.80} is no condition; give a mapping such as {{'year': 2020}}")
    parts = [_entry(key, value, depth) for key, value in where.items()]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _entry(key: Any, value: Any, depth: int) -> Node:
    if key in ("and", "or"):
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise QueryError(f"in the filter: {key!r} has {value!r:.80}; give a list of mappings")
        parts = tuple(_all_of(one, depth + 1) for one in value)
        return And(parts) if key == "and" else Or(parts)
    if key == "not":
        return Not(_all_of(value, depth + 1))
    if not isinstance(key, str) or not key:
        raise QueryError(f"in the filter: {key!r:.80} is no field; give its name")
    path = parse_field(key).path if '"' in key else to_path(tuple(key.split(".")))
    return _condition(Field(path), value)


def _condition(field: Field, value: Any) -> Node:
    if value is None:
        return IsNull(field)
    if isinstance(value, Mapping):
        parts = [_comparison(field, operator, one) for operator, one in value.items()]
        if not parts:
            raise filter_error(f"{field} has no comparison", None, "give one such as {'>=': 2020}")
        return parts[0] if len(parts) == 1 else And(tuple(parts))
    if isinstance(value, list | tuple | set | frozenset):
        return In(field, _values(value))
    return Compare(field, "=", _value(value))


def _comparison(field: Field, operator: Any, value: Any) -> Node:
    if operator in ("<", "<=", ">", ">=", "="):
        return Compare(field, operator, _value(value))
    if operator == "!=":
        return Not(Compare(field, "=", _value(value)))
    if operator == "in":
        return In(field, _values(value))
    if operator == "between":
        low, high = _pair(field, value)
        return And((Compare(field, ">=", low), Compare(field, "<=", high)))
    if operator == "like" and isinstance(value, str):
        return Like(field, value)
    if operator == "contains":
        return Contains(field, _value(value))
    if operator == "is_null" and isinstance(value, bool):
        return IsNull(field) if value else Not(IsNull(field))
    raise filter_error(
        f"{operator!r:.40} with {value!r:.40} is no comparison of {field}",
        None,
        "use one of =, !=, <, <=, >, >=, in, between, like, contains, is_null",
    )


def _pair(field: Field, value: Any) -> tuple[Value, Value]:
    values = _values(value)
    if len(values) != 2:
        raise filter_error(f"{field} is between {len(values)} values", None, "give the lowest and the highest")
    return values[0], values[1]


def _values(values: Any) -> tuple[Value, ...]:
    if isinstance(values, str | Mapping) or not isinstance(values, Sequence | set | frozenset) or not values:
        raise filter_error(f"{values!r:.80} is no list of values", None, "give one such as ['en', 'de']")
    return tuple(_value(value) for value in values)


def _value(value: Any) -> Value:
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if hasattr(value, "item") and not isinstance(value, str | bytes):  # a number of NumPy
        value = value.item()
    return check_value(value)
