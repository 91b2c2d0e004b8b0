"""What a file is by its content, where its name does not say it."""

from __future__ import annotations

import re

__all__ = ["MAGIC", "SNIFFED_BYTES", "find_kind", "is_binary"]

SNIFFED_BYTES = 4096
"""Of a file, from its start."""
MAGIC: tuple[tuple[bytes, str | None], ...] = (
    (b"%PDF-", "pdf"),
    (b"SQLite format 3\0", "sqlite"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    *((mark, None) for mark in (b"PK\x03\x04", b"\x7fELF", b"MZ\x90\x00", b"\xd0\xcf\x11\xe0", b"\xca\xfe\xba\xbe")),
    *((mark, None) for mark in (b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"RIFF", b"OggS", b"ID3")),
    *((mark, None) for mark in (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd", b"7z\xbc\xaf", b"Rar!", b"\0asm")),
)
"""How files begin that are no text, and the kinds that they are for us."""
ARCHIVES = (
    (b"word/", "word"),
    (b"ppt/", "slides"),
    (b"xl/", "sheets"),
    (b"application/epub+zip", "epub"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "sheets"),
    (b"application/vnd.oasis.opendocument", "open-document"),
)
"""What stands in the names of an archive's first members."""
TEXTS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\s*<(?:!doctype html|html)[\s>]", re.IGNORECASE), "html"),
    (re.compile(rb"From \S+.*\d{4}\r?\n"), "mailbox"),
    (re.compile(rb"(?:(?:Received|Return-Path|Message-ID|Delivered-To|From|Date): .*\r?\n){2}"), "mail"),
    (re.compile(rb"#!.*\b(?:sh|bash|zsh|python[\d.]*|perl|ruby|node|lua|php)\b"), "code"),
    (re.compile(rb"(?:\.\\\".*\n|\.\n|[ \t\r]*\n)*\.(?:TH|Dd) "), "manual"),
)
"""How texts begin that are more than text."""


def is_binary(start: bytes) -> bool:
    """Whether a file begins as one that is no text does, in a way that no text begins."""
    return any(start.startswith(mark) and not mark.decode("latin-1").isprintable() for mark, _ in MAGIC)


def find_kind(start: bytes) -> str | None:
    """The kind of a file that begins so; ``None`` for plain text, and for what is no kind of ours."""
    for mark, kind in MAGIC:
        if start.startswith(mark):
            return _kind_of_archive(start) if mark == b"PK\x03\x04" else kind
    return next((kind for pattern, kind in TEXTS if pattern.match(start)), None)


def _kind_of_archive(start: bytes) -> str | None:
    return next((kind for mark, kind in ARCHIVES if mark in start), None)
