"""One record with named fields becomes one document.

A RecordError raised here and by the other parsers says what is wrong and how to put it right;
``locate`` adds where it was found.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields

__all__ = ["locate", "required_fields", "to_document"]

EXPORTED = {"document", "passage", "text", "start", "end", "vector"}
"""Fields of what ``semsearch export`` writes for other programs."""
_NAMES_SHOWN = 8
_VALUE_SHOWN = 40


def locate(error: RecordError, where: str) -> RecordError:
    """The error with the place where it was found."""
    return RecordError(f"{where}: {error}")


def to_document(record: Mapping[str, Any], fields: Fields, default_id: str, source: str) -> Document:
    """Make a document from a record; raises RecordError if a field is missing or of a wrong type.

    A passage that ``semsearch export`` has written is as a record of its own, without its vector and its place.
    """
    if record.keys() >= EXPORTED and fields.text is None and fields.id is None:
        record = _take_exported(record)
    id_name, text_name = _id_field(record, fields), _text_field(record, fields)
    title_name = _title_field(record, fields)
    taken, kept = (id_name, text_name, title_name), fields.metadata
    return Document(
        id=default_id if id_name is None else _id(record[id_name], id_name),
        text=_string(record[text_name], text_name, "--text-field"),
        title=None if title_name is None else _title(record.get(title_name), title_name),
        source=source,
        metadata={
            name: value for name, value in record.items() if name not in taken and (kept is None or name in kept)
        },
    )


def _take_exported(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an exported passage as a document has them; the first passage has the document's id."""
    number, metadata = record["passage"], record.get("metadata") or {}
    with suppress(ValueError, RecursionError):  # what is no JSON is kept as it is
        metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
    own = metadata if isinstance(metadata, dict) else {"metadata": metadata}
    identifier = record["document"] if number == 0 else f"{record['document']}#{number}"
    return {**own, "id": identifier, "text": record["text"], "title": record.get("title")}


def required_fields(columns: Collection[str], fields: Fields) -> frozenset[str]:
    """The columns that every row must fill; raises RecordError if one that was named is not there."""
    if fields.title is not None:
        _require(fields.title, "--title-field", columns)
    names = (_id_field(columns, fields), _text_field(columns, fields))
    return frozenset(name for name in names if name is not None)


def _text_field(present: Collection[str], fields: Fields) -> str:
    return _require("text" if fields.text is None else fields.text, "--text-field", present)


def _id_field(present: Collection[str], fields: Fields) -> str | None:
    if fields.id is not None:
        return _require(fields.id, "--id-field", present)
    others = (fields.text, fields.title)
    return next((name for name in ("id", "_id") if name in present and name not in others), None)


def _title_field(present: Collection[str], fields: Fields) -> str | None:
    """Which field holds the title; a record may do without."""
    if fields.title is not None:
        return fields.title
    return "title" if "title" in present and "title" not in (fields.id, fields.text) else None


def _require(name: str, option: str, present: Collection[str]) -> str:
    if name in present:
        return name
    names = [_shorten_value(other) for other in islice(present, _NAMES_SHOWN)]
    more = ", …" if len(present) > _NAMES_SHOWN else ""
    there = ", ".join(names) + more if names else "none"
    raise RecordError(f"no field {name!r} (fields there: {there}); name another with {option}")


def _id(value: object, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value:
        return value
    wanted = "must be a whole number or a string that is not empty"
    raise RecordError(f"field {name!r} {wanted}, not {_shorten_value(value)}; name another with --id-field")


def _title(value: object, name: str) -> str | None:
    return None if value is None else _string(value, name, "--title-field") or None


def _string(value: object, name: str, option: str) -> str:
    if isinstance(value, str):
        return value
    raise RecordError(f"field {name!r} must be a string, not {_shorten_value(value)}; name another with {option}")


def _shorten_value(value: object) -> str:
    """A value as a message shows it: on one line and not long."""
    text = ascii(value) if not repr(value).isprintable() else repr(value)
    return text if len(text) <= _VALUE_SHOWN else f"{text[: _VALUE_SHOWN - 1]}…"
