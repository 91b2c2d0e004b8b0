"""Bytes to text: counted as they are read, decoded as UTF-8 or what else they are, with bad bytes made visible."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from semsearch.common.errors import RecordError
from semsearch.common.unicode import LONE_SURROGATE
from semsearch.ingest.formats.sniff import is_binary
from semsearch.ingest.formats.texts.charsets import guess_encoding, has_many_nuls, is_nearly_utf8

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Counted", "check", "decode", "text_lines"]

_ADVICE = "convert the file with iconv"
_BLOCK = 1 << 14
SAMPLE_BYTES = 1 << 16
"""Of a stream, by which its encoding is told."""
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""Those of UTF-32 begin so, too."""
_FIRST_OF_SEVERAL = 0xC0


class Counted(io.RawIOBase):
    """A stream that reports how many bytes were read from it, and hashes them."""

    def __init__(self, stream: BinaryIO, report: Callable[[int], None]) -> None:
        """Read from ``stream``, which stays the caller's to close."""
        # A pipe's read1() hands over what has come so far, where read() waits for more.
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._report = report
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        """Yes: the layers above ask."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` with what is there."""
        view = memoryview(buffer)
        data = self._read(len(view))
        view[: len(data)] = data
        self._hash.update(data)
        self._report(len(data))
        return len(data)

    def drain(self) -> None:
        """Read what a reader has left behind its last record."""
        while self.readinto(bytearray(_BLOCK)):
            pass

    def digest(self) -> bytes:
        """SHA-256 of all that was read."""
        return self._hash.digest()


def text_lines(stream: io.BufferedReader) -> Iterator[str]:
    """The lines of a stream with their ends, without a byte-order mark, in the encoding that its start tells.

    A byte that is not UTF-8 in a file that is becomes a surrogate that ``check`` finds, so that one bad line
    leaves the others as they are.
    """
    start = stream.peek()[:SAMPLE_BYTES]
    whole = start[: start.rfind(b"\n") + 1] or start[: -len(_cut_character(start)) or None]
    is_utf8 = not whole.startswith(UTF16_MARKS) and not is_binary(start) and is_nearly_utf8(whole)
    encoding = None if is_utf8 and not has_many_nuls(whole) else guess_encoding(start)
    if encoding:
        return io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
    if not is_utf8:
        raise RecordError("no text; leave it out, or say what it holds with --as")
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _cut_character(data: bytes) -> bytes:
    """The bytes at the end that may be the start of a character of UTF-8."""
    for length in range(1, min(4, len(data) + 1)):
        if data[-length] >= _FIRST_OF_SEVERAL:
            return data[-length:]
    return b""


def check(text: str) -> str:
    """The text itself; raises RecordError if a line from ``text_lines`` had bytes that are not UTF-8."""
    bad = None if text.isascii() else LONE_SURROGATE.search(text)
    if bad:
        byte = ord(bad.group()) - 0xDC00
        raise RecordError(f"not UTF-8 (byte 0x{byte:02x}); {_ADVICE}")
    return text


def decode(data: bytes) -> str:
    """The text of a whole file, in the encoding that it has; raises RecordError for what is no text."""
    content = data.removeprefix(codecs.BOM_UTF8)
    if not content.startswith(UTF16_MARKS) and not has_many_nuls(content) and not is_binary(content):
        with suppress(UnicodeDecodeError):
            return content.decode("utf-8")
    encoding = guess_encoding(content)
    if encoding is None:
        raise RecordError("no text: its bytes are in no encoding of text; leave it out, or save it anew as UTF-8")
    return content.decode(encoding, "replace")
