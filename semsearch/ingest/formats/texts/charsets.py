"""Text that is not UTF-8: which encoding it has, by its byte-order mark or by charset-normalizer's judgement."""

from __future__ import annotations

import codecs
import re

from semsearch.ingest.formats.sniff import MAGIC

__all__ = ["guess_encoding", "has_many_nuls", "is_nearly_utf8"]

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
USUAL = "cp1252"
"""What most files that are not UTF-8 have, and what decides where nothing else does."""
CANDIDATES = (
    *(USUAL, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp437", "mac_roman"),
    *("cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949", "tis_620", "utf_16_le", "utf_16_be"),
)
JUDGED_BYTES = 1 << 20
"""Of a file, from its start."""
SHORTEST_BINARY = 32
MOST_NULS = 0.1
"""Share of NUL bytes from which on a file is no UTF-8: UTF-16 of Latin letters has half, programs have a third."""
BROKEN_SHARE = 0.25
"""Of the characters beyond ASCII; a file of UTF-8 with more bad bytes than this has another encoding."""
NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def guess_encoding(data: bytes) -> str | None:
    """The encoding of bytes that are not plain UTF-8, or are full of NULs; ``None`` if they are no text.

    What does not fit it is few, and is to be replaced.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding
    if any(data.startswith(mark) for mark, _ in MAGIC):
        return None
    sample = data[:JUDGED_BYTES]
    if has_many_nuls(sample):
        return _guess_utf16(sample)
    if is_nearly_utf8(sample):
        return "utf-8"
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(CANDIDATES), enable_fallback=False)
    best = matches.best()
    if best is None:
        return None
    usual = next((match for match in matches if USUAL in match.could_be_from_charset), None)
    if usual is not None and usual.chaos <= best.chaos and usual.coherence >= best.coherence:
        return USUAL
    return best.encoding


def has_many_nuls(data: bytes) -> bool:
    """Whether bytes are no text, or text in UTF-16 or UTF-32."""
    return len(data) >= SHORTEST_BINARY and data.count(0) > MOST_NULS * len(data)


def is_nearly_utf8(data: bytes) -> bool:
    """Whether a few bytes at most are broken in text that is UTF-8 otherwise."""
    text = data.decode("utf-8", "replace")
    beyond = len(NOT_ASCII.findall(text))
    return text.count("\ufffd") <= BROKEN_SHARE * beyond


def _guess_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark, of letters whose other byte is NUL; programs have NULs at any place."""
    for encoding, empty, other in (("utf-16-le", data[1::2], data[::2]), ("utf-16-be", data[::2], data[1::2])):
        if 2 * empty.count(0) > len(empty) and not other.count(0):
            return encoding
    return None
