"""Files that are packed by themselves: gzip, xz, bzip2, Zstandard. They are read as what is inside.

What is unpacked is a stream, so that a large file needs no more memory than it does unpacked. A file of a few
kilobytes that unpacks to gigabytes is no text but an attack.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from semsearch.common.environment import import_extra
from semsearch.common.errors import RecordError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["PACKINGS", "open_packed", "split_packing"]

FREE_BYTES = 64 * 2**20
"""So much may come out of any file."""
MOST_TIMES = 250
"""Beyond it, the most times as many bytes as there are packed. Text shrinks to a tenth, logs to a fiftieth."""


def _open_gzip(stream: BinaryIO) -> BinaryIO:
    import gzip

    return gzip.GzipFile(fileobj=stream, mode="rb")  # type: ignore[return-value]  # it has all that is used


def _open_bzip2(stream: BinaryIO) -> BinaryIO:
    import bz2

    return bz2.BZ2File(stream)  # type: ignore[return-value]  # likewise


def _open_xz(stream: BinaryIO) -> BinaryIO:
    import lzma

    return lzma.LZMAFile(stream)  # type: ignore[return-value]  # likewise


def _open_zstandard(stream: BinaryIO) -> BinaryIO:
    zstandard = import_extra("zstandard", "files", "reading .zst files")
    opened: BinaryIO = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return opened


PACKINGS: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": _open_gzip,
    ".bz2": _open_bzip2,
    ".xz": _open_xz,
    ".zst": _open_zstandard,
}
"""How a stream is unpacked, by the last extension of a file."""


def split_packing(name: str) -> tuple[str, str | None]:
    """A file's name or path without the extension that says how it is packed, and that extension, if there is one."""
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - of a string, 20,000 times
    return (stem, extension.lower()) if extension.lower() in PACKINGS else (name, None)


def open_packed(stream: BinaryIO, packing: str) -> io.BufferedReader:
    """What is inside of a packed stream; reading it raises :class:`RecordError` for damage, and for far too much."""
    counted = _CountedBytes(stream)
    return io.BufferedReader(_Unpacked(PACKINGS[packing](counted), counted))  # type: ignore[arg-type]  # it reads


class _CountedBytes(io.RawIOBase):
    """A stream that knows how many bytes were read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``."""
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self.count += len(data)
        return len(data)


class _Unpacked(io.RawIOBase):
    """Bytes as they were before they were packed."""

    def __init__(self, inside: BinaryIO, packed: _CountedBytes) -> None:
        self._inside = inside
        self._packed = packed
        self._count = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``, if what came out up to now is not far too much."""
        view = memoryview(buffer)
        try:
            data = self._inside.read(len(view))
        except (EOFError, OSError, zlib.error, ValueError) as error:
            raise RecordError(f"damaged or cut off, and cannot be unpacked ({error}); pack it anew") from error
        except Exception as error:
            if type(error).__name__ not in ("LZMAError", "ZstdError"):  # of modules that may not be there
                raise
            raise RecordError(f"damaged or cut off, and cannot be unpacked ({error}); pack it anew") from error
        view[: len(data)] = data
        self._count += len(data)
        if self._count > max(FREE_BYTES, MOST_TIMES * self._packed.count):
            raise RecordError(
                f"unpacks to more than {MOST_TIMES} times its size, which no text does; unpack it yourself to read it"
            )
        return len(data)
