"""JSON files: a list of objects is a table, each object a record; any other JSON is text, like other configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from semsearch.common.documents import MOST_NESTED, Document, is_nested_deeper
from semsearch.common.errors import NONSENSE, RecordError
from semsearch.common.unicode import replace_surrogates
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate, required_fields, to_document
from semsearch.ingest.formats.tables.values import plain_value
from semsearch.ingest.formats.texts.streams import decode

__all__ = ["JSON"]

MOST_BYTES = 2**30
"""Of a file, which is held in memory; JSON Lines has no limit."""
MOST_BESIDES = 5
"""Values in the object at the top, if one of them is the list that is meant."""
SPACE = " \t\n\r"


def _read_json(origin: Origin, stream: BufferedReader, fields: Fields) -> Iterator[Document | RecordError]:
    """Each object of the list as a document, or the whole file as one."""
    try:
        data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise RecordError(f"is larger than {MOST_BYTES // 2**20:,} MB; write it as JSON Lines (.jsonl)")
        text = decode(data)
    except RecordError as error:
        yield locate(error, origin.label)
        return
    items = _find_items(text)
    if items is None:
        yield Document(replace_surrogates(text), origin.id, None, origin.source)
        return
    for number, value in enumerate(items, start=1):
        missing = _find_missing(value, fields) if number == 1 and isinstance(value, dict) else None
        if missing:
            yield locate(missing, origin.label)  # once, and not for each of a million objects
            return
        try:
            document = to_document(_check(value), fields, f"{origin.id}:{number}", origin.source)
        except RecordError as error:
            yield locate(error, f"{origin.label}:{number}")
        else:
            yield document


def _find_missing(first: dict[str, Any], fields: Fields) -> RecordError | None:
    """What the first object of a table has not, and all must have."""
    try:
        required_fields(first, fields)
    except RecordError as error:
        return error
    return None


def _find_items(text: str) -> Iterator[Any] | None:
    """The objects of a list of objects: at the top, or the one in an object such as ``{"count": 2, "data": []}``."""
    start = _skip_space(text, 0)
    if text.startswith("[", start):
        first = _skip_space(text, start + 1)
        return _parse_items(text, first) if text.startswith("{", first) else None
    if not text.startswith("{", start):
        return None
    try:
        values = json.loads(text).values()
    except NONSENSE:
        return None
    lists = [value for value in values if isinstance(value, list) and value and isinstance(value[0], dict)]
    return iter(lists[0]) if len(lists) == 1 and len(values) <= MOST_BESIDES else None


def _parse_items(text: str, place: int) -> Iterator[Any]:
    """The items of a list from its first one on, one at a time; an error ends it, since nothing tells what follows."""
    decoder = json.JSONDecoder()
    while True:
        try:
            value, place = decoder.raw_decode(text, place)
        except NONSENSE as error:
            yield RecordError(f"not JSON from here on: {error}; mend it")
            return
        yield value
        place = _skip_space(text, place)
        if not text.startswith(",", place):
            if not text.startswith("]", place):
                yield RecordError("not JSON from here on: a comma or the end of the list is missing; mend it")
            return
        place = _skip_space(text, place + 1)


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in SPACE:
        place += 1
    return place


def _check(value: Any) -> dict[str, Any]:
    if isinstance(value, RecordError):
        raise value
    if not isinstance(value, dict):
        raise RecordError(f"a JSON {type(value).__name__}, not an object with fields; mend it")
    if is_nested_deeper(value):
        raise RecordError(f"its values are nested deeper than {MOST_NESTED} levels; mend it")
    plain: dict[str, Any] = plain_value(value)
    return plain


JSON = Format("json", _read_json)
