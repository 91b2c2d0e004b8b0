"""Text that comes from data, made safe to print: it must not steer a terminal, nor break a line."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["json_text", "one_line"]

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, other line ends, changes of the writing direction, and what UTF-8 cannot hold."""

LEFT_BY_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Those of them that JSON may hold as they are."""


def one_line(text: object) -> str:
    """The text on one line: all that steers is gone, and all white space is single spaces."""
    return " ".join(STEERING.sub(" ", str(text)).split())


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is readable in every script; what could steer a terminal or end a line is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return LEFT_BY_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
