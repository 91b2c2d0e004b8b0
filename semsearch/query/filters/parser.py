"""Filters as text: a subset of SQL's WHERE.

    condition = "and", "or", "not", parentheses, over:
        field (= | != | < | <= | > | >=) value
        field [not] in (value, …)          field [not] between value and value
        field [not] like 'pattern%'        field is [not] null
        field [not] contains value         field

A field is ``year`` or ``author.name``, with other characters ``"first name"``. A value is a string in single or double
quotes, a number, ``true``, ``false``, or an ISO date, which is a string. A field alone must be a boolean.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

from semsearch.common.errors import QueryError
from semsearch.fields.paths import KEYWORDS, METADATA, OWN_FIELDS, Path
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
    filter_error,
)

__all__ = ["parse_field", "parse_filter", "to_path"]

_TOKEN = regex.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*" | `[^`]*`)
    | (?P<date>\d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w-]))
    | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<name>[^\W\d][\w$]*)
    | (?P<sign><=|>=|<>|!=|==|=|<|>|\(|\)|,|\.)
    )""",
    regex.VERBOSE,
)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_SAME = {"<>": "!=", "==": "="}
_COMPARISONS = "=, !=, <, <=, >, >=, in, between, like, contains, is null"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int

    @property
    def word(self) -> str:
        """A keyword or a sign in small letters; empty for all else."""
        lower = self.text.lower()
        if self.kind == "sign":
            return _SAME.get(lower, lower)
        return lower if self.kind == "name" and lower in KEYWORDS else ""


def parse_filter(text: str) -> Node:
    """The tree of a filter; raises :class:`QueryError` with the column of the mistake."""
    if not text.strip():
        raise QueryError("the filter is empty; leave it out, or give a condition such as: year >= 2020")
    parser = _Parser(_split(text))
    tree = parser.parse_or(0)
    parser.expect_end()
    return tree


def parse_field(text: str) -> Field:
    """A field by itself, such as ``author.name``; raises :class:`QueryError`."""
    parser = _Parser(_split(text))
    field = parser.parse_field()
    parser.expect_end()
    return field


def to_path(keys: Path) -> Path:
    """The path that a filter means; ``metadata.title`` is the field of the metadata, ``title`` the document's own."""
    if len(keys) > 1 and keys[0] == METADATA and keys[1] not in (*OWN_FIELDS, METADATA):
        return keys[1:]
    return keys


def _split(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end, last = 0, len(text.rstrip())
    while end < last:
        match = _TOKEN.match(text, end)
        if match is None:
            raise _lexical_error(text, end + len(text[end:]) - len(text[end:].lstrip()))
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match.group(kind), match.start(kind) + 1))
        end = match.end()
    return [*tokens, _Token("end", "", last + 1)]


def _lexical_error(text: str, start: int) -> QueryError:
    if text[start] in "'\"`":
        return filter_error(f"the quotation mark {text[start]} is not closed", start + 1, "close it")
    if text[start].isdecimal() or text[start] in "+-.":
        return filter_error(f"{text[start : start + 20]!r} is no number", start + 1, "put a string into quotes")
    return filter_error(f"{text[start]!r} means nothing here", start + 1, f"the comparisons are {_COMPARISONS}")


class _Parser:
    """Recursive descent; ``depth`` counts what is open, so that no text can exhaust the stack."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def parse_or(self, depth: int) -> Node:
        parts = [self._parse_and(depth)]
        while self._take("or"):
            parts.append(self._parse_and(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._error("'and', 'or' or the end is expected", "join conditions with and, or")

    def _parse_and(self, depth: int) -> Node:
        parts = [self._parse_not(depth)]
        while self._take("and"):
            parts.append(self._parse_not(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _parse_not(self, depth: int) -> Node:
        if depth > MOST_NESTED:
            raise filter_error(
                f"more than {MOST_NESTED} levels of parentheses", self._next.column, "use fewer, or a list: in (…)"
            )
        if self._take("not"):
            return Not(self._parse_not(depth + 1))
        if self._take("("):
            inner = self.parse_or(depth + 1)
            self._expect(")")
            return inner
        return self._parse_predicate()

    def _parse_predicate(self) -> Node:
        token = self._next
        if token.kind in ("string", "number", "date") or token.word in ("true", "false"):
            return self._parse_flipped()
        field = self.parse_field()
        column = self._next.column
        negated = self._take("not")
        node = self._parse_rest(field, column)
        if node is None and not negated:
            return Compare(field, "=", True, field.column)
        if node is None:
            raise self._error("'in', 'between', 'like' or 'contains' is expected", "put 'not' before the field")
        return Not(node) if negated else node

    def _parse_rest(self, field: Field, column: int) -> Node | None:
        """What follows a field; ``None`` if nothing of it does."""
        word = self._next.word
        if word in _FLIPPED:
            self._place += 1
            return self._compare(field, word, self._parse_value(), column)
        if self._take("in"):
            return In(field, self._parse_list(), column)
        if self._take("between"):
            low = self._parse_value()
            self._expect("and")
            return And((Compare(field, ">=", low, column), Compare(field, "<=", self._parse_value(), column)))
        if self._take("like"):
            token = self._next
            pattern = self._parse_value()
            if not isinstance(pattern, str):
                raise filter_error(f"{token.text} is no pattern", token.column, "give a string such as 'bee%'")
            return Like(field, pattern, column)
        if self._take("contains"):
            return Contains(field, self._parse_value(), column)
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return Not(IsNull(field)) if negated else IsNull(field)
        return None

    def _parse_flipped(self) -> Node:
        """``2020 <= year``."""
        value, column = self._parse_value(), self._next.column
        word = self._next.word
        if word not in _FLIPPED:
            raise self._error("a comparison is expected", f"the comparisons are {_COMPARISONS}")
        self._place += 1
        return self._compare(self.parse_field(), _FLIPPED[word], value, column)

    def _compare(self, field: Field, operator: str, value: Value, column: int) -> Node:
        if operator == "!=":
            return Not(Compare(field, "=", value, column))
        return Compare(field, operator, value, column)

    def parse_field(self) -> Field:
        column = self._next.column
        keys = [self._parse_key()]
        while self._take("."):
            keys.append(self._parse_key())
        return Field(to_path(tuple(keys)), column)

    def _parse_key(self) -> str:
        token = self._next
        if token.kind not in ("name", "quoted") or token.word:
            raise self._error("a field is expected", "give a name such as year, or author.name")
        self._place += 1
        return _unquote(token.text) if token.kind == "quoted" else token.text

    def _parse_list(self) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._parse_value()]
        while self._take(","):
            values.append(self._parse_value())
        self._expect(")")
        return tuple(values)

    def _parse_value(self) -> Value:
        token = self._next
        if token.kind in ("string", "quoted"):
            value: Value = _unquote(token.text)
        elif token.kind == "date":
            value = token.text
        elif token.kind == "number":
            value = _to_number(token)
        elif token.word in ("true", "false"):
            value = token.word == "true"
        elif token.word == "null":
            raise filter_error("nothing equals null", token.column, "use: is null, or: is not null")
        elif token.kind == "name":
            raise filter_error(f"{token.text!r} is no value", token.column, f"put a string into quotes: '{token.text}'")
        else:
            raise self._error("a value is expected", "give a string in quotes, a number, true or false")
        self._place += 1
        return value

    def _take(self, word: str) -> bool:
        if self._next.word != word:
            return False
        self._place += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._error(f"{word!r} is expected", "see: semsearch search --help")

    def _error(self, problem: str, advice: str) -> QueryError:
        token = self._next
        there = "the end" if token.kind == "end" else repr(token.text[:40])
        return filter_error(f"{problem}, and there is {there}", token.column, advice)


def _unquote(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _to_number(token: _Token) -> int | float:
    try:
        return int(token.text) if token.text.lstrip("+-").isdecimal() else float(token.text)
    except ValueError:  # Python refuses to read thousands of digits
        raise filter_error("the number has too many digits", token.column, "give a shorter one") from None
