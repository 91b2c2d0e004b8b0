"""The three standard streams, made fit for use: closed or broken ones end in this program's errors."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from semsearch.common.errors import InputError, StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["flush_streams", "prepare_streams"]


class ReaderGoneError(Exception):
    """Who was reading standard output has gone, which is no error: ``| head`` does so."""


def prepare_streams() -> None:
    """Have ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` there, and UTF-8 in files and pipes on every platform.

    Of a stream that was closed the number is taken, or else the next file to be opened, which may be a database,
    would get it, and with it all that a library prints. A terminal keeps its encoding, and gets escapes for the rest.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):  # to read or write it fails as if closed
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)
    if not _is_terminal(sys.stdin):
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Input(0, "rb", closefd=False)), "utf-8", "surrogateescape")
    if _is_terminal(sys.stdout):
        _replace_unencodable(sys.stdout)
    else:
        output = _Output(io.FileIO(1, "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(output, "utf-8", "backslashreplace")
    if not _is_terminal(sys.stderr):
        messages = _Messages(io.FileIO(2, "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(messages, "utf-8", "backslashreplace", line_buffering=True)


def flush_streams() -> None:
    """Write what is left; raises :class:`StorageError` if standard output does not take it."""
    with suppress(ReaderGoneError):
        sys.stdout.flush()
    with suppress(OSError):
        sys.stderr.flush()


class _Input(io.FileIO):
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise _input_error(error) from error

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            raise _input_error(error) from error


class _Output(io.BufferedWriter):
    """Standard output, whose errors are this program's.

    They are translated above the buffer: an interrupt between a write and its count would have it written twice.
    """

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise _output_error(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise _output_error(error) from error


class _Messages(io.BufferedWriter):
    """Standard error; what cannot be written is let go, for there is nowhere left to say so."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _output_error(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return ReaderGoneError()
    return StorageError(
        f"standard output cannot be written ({_reason(error, 'writing')}); send it to a file on a disk with free space"
    )


def _input_error(error: OSError) -> InputError:
    return InputError(
        f"standard input cannot be read ({_reason(error, 'reading')}); give a file, or a pipe that can be"
    )


def _reason(error: OSError, use: str) -> str:
    return f"it is closed or not open for {use}" if error.errno == errno.EBADF else str(error.strerror or error)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _replace_unencodable(stream: TextIO) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
