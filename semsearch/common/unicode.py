"""Text from anywhere, made fit to be stored as UTF-8, or to be printed on one line of a terminal."""

from __future__ import annotations

import re

__all__ = ["LONE_SURROGATE", "NOT_PRINTABLE", "one_line", "replace_surrogates"]

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a pair of UTF-16: Python's strings can hold it, UTF-8 cannot."""

NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, other line ends, changes of the writing direction, and lone surrogates."""


def replace_surrogates(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD: it can be stored, and positions stay true."""
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)


def one_line(text: object) -> str:
    """The text on one line: nothing in it steers a terminal, and all white space is single spaces."""
    return " ".join(NOT_PRINTABLE.sub(" ", str(text)).split())
