"""Bytes to text: counted as they are read, decoded as UTF-8, with what does not fit made visible."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from semsearch.common.errors import RecordError
from semsearch.common.unicode import LONE_SURROGATE

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Counted", "check", "decode", "text_lines"]

_ADVICE = "convert the file with iconv"
SHORTEST_BINARY = 32
MOST_NULS = 0.1
"""Share of NUL bytes from which on a file is no text: UTF-16 of Latin letters has half, programs have a third."""


class Counted(io.RawIOBase):
    """A stream that reports how many bytes were read from it."""

    def __init__(self, stream: BinaryIO, report: Callable[[int], None]) -> None:
        """Read from ``stream``, which stays the caller's to close."""
        # A pipe's read1() hands over what has come so far, where read() waits for more.
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._report = report

    def readable(self) -> bool:
        """Yes: the layers above ask."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` with what is there."""
        view = memoryview(buffer)
        data = self._read(len(view))
        view[: len(data)] = data
        self._report(len(data))
        return len(data)


def text_lines(stream: io.BufferedReader) -> Iterator[str]:
    """The lines of a stream with their ends, without a byte-order mark.

    A byte that is not UTF-8 becomes a surrogate that ``check`` finds, so that one bad line
    leaves the others as they are.
    """
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def check(text: str) -> str:
    """The text itself; raises RecordError if a line from ``text_lines`` had bytes that are not UTF-8."""
    bad = None if text.isascii() else LONE_SURROGATE.search(text)
    if bad:
        byte = ord(bad.group()) - 0xDC00
        raise RecordError(f"not UTF-8 (byte 0x{byte:02x}); {_ADVICE}")
    return text


def decode(data: bytes) -> str:
    """The text of a whole file; raises RecordError with the offset of the first bad byte, and for what is no text."""
    content = data.removeprefix(codecs.BOM_UTF8)
    if len(data) >= SHORTEST_BINARY and data.count(0) > MOST_NULS * len(data):
        raise RecordError(f"no text: {data.count(0) / len(data):.0%} of its bytes are NUL; if it is UTF-16, {_ADVICE}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = len(data) - len(content) + error.start
        byte = data[offset]
        raise RecordError(f"not UTF-8 (byte 0x{byte:02x} at offset {offset}); {_ADVICE}") from error
