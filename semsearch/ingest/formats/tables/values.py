"""Values of tables, databases and front matter as JSON has them: they become metadata."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Mapping
from typing import Any

from semsearch.common.unicode import replace_surrogates

__all__ = ["plain_record", "plain_value"]


MOST_BITS = 4096
"""Of a whole number: Python refuses to spell longer ones."""


def plain_value(value: Any) -> Any:
    """A value as JSON has it: dates as ISO 8601; ``None`` for what is missing, no number, or bytes."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= MOST_BITS else None
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, Mapping):
        return {replace_surrogates(str(name)): plain_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain_value(one) for one in value]
    return None if isinstance(value, bytes | bytearray | memoryview) else str(value)


def plain_record(record: Mapping[Any, Any], text: str | None = None) -> dict[str, Any]:
    """A row by the names of its columns, without what is missing; the ``text`` is named in any case."""
    plain = plain_value(record)
    return {name: value for name, value in plain.items() if value is not None or name == (text or "text")}
