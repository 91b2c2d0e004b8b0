"""Archives that are files of another kind: Office, OpenDocument, EPUB."""

from __future__ import annotations

import io
import zipfile

from semsearch.common.errors import RecordError

__all__ = ["check_archive"]

MOST_BYTES = 2**30
"""Of all members of an archive, unpacked."""
MOST_TIMES = 250
"""As many bytes as there are packed come out at most, beyond a few megabytes."""
FREE_BYTES = 64 * 2**20


def check_archive(data: bytes) -> None:
    """Raise :class:`RecordError` if it is none, is encrypted, or if far too much would come out of it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            raise RecordError(
                "is encrypted, or of an older version of Office; save it anew, without a password"
            ) from error
        raise RecordError(f"is damaged or no file of its kind ({error}); save it anew") from error
    if any(member.flag_bits & 1 for member in members):
        raise RecordError("is encrypted; save it without its password")
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES or size > max(FREE_BYTES, MOST_TIMES * len(data)):
        raise RecordError(f"unpacks to {size / 2**20:,.0f} MB, which no document does; it is not read")
