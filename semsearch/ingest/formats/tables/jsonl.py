"""JSON Lines: one object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from semsearch.common.documents import MOST_NESTED, Document, is_nested_deeper
from semsearch.common.errors import NONSENSE, RecordError
from semsearch.common.unicode import replace_surrogates
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate, to_document
from semsearch.ingest.formats.texts.streams import check, text_lines

__all__ = ["JSONL"]


def _read_jsonl(origin: Origin, stream: BufferedReader, fields: Fields) -> Iterator[Document | RecordError]:
    """Every line that is not blank as a document."""
    for number, line in enumerate(text_lines(stream), start=1):
        if line.isspace():
            continue
        try:
            document = to_document(_parse(line), fields, f"{origin.id}:{number}", origin.source)
        except RecordError as error:
            yield locate(error, f"{origin.label}:{number}")
        else:
            yield document


def _parse(line: str) -> dict[str, Any]:
    """The object on one line, with strings that can be stored."""
    try:
        record = _DECODER.decode(check(line).rstrip())
    except NONSENSE as error:
        raise RecordError(f"not JSON: {_reason(error)}; mend the line") from error
    if not isinstance(record, dict):
        raise RecordError(f"a JSON {type(record).__name__}, not an object with fields; mend the line")
    if is_nested_deeper(record):
        raise RecordError(f"its values are nested deeper than {MOST_NESTED} levels; mend the line")
    # Only an escape can put a lone surrogate into text that was UTF-8.
    return _replace_surrogates(record) if "\\u" in line else record


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


def _parse_finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large a number")
    return number


def _replace_surrogates(value: Any) -> Any:
    """A value of JSON with the lone surrogates in its strings and names replaced."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(name): _replace_surrogates(item) for name, item in value.items()}
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_parse_finite)

JSONL = Format("jsonl", _read_jsonl)
