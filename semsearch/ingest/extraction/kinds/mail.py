"""E-mail: one message a file, or a mailbox of many."""

from __future__ import annotations

import email.policy
import re
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

from semsearch.ingest.extraction.parts import Part

__all__ = ["extract"]

MESSAGE_LINE = re.compile(rb"^From [^\n]*\n", re.MULTILINE)
"""What a message of a mailbox begins with (RFC 4155)."""
QUOTED_LINE = re.compile(rb"^>(>*From )", re.MULTILINE)


def extract(data: bytes) -> Iterator[Part]:
    """A message, or each of a mailbox under its number, with its subject as the title."""
    if not MESSAGE_LINE.match(data):
        yield _read_message(data, "")
        return
    places = [match.span() for match in MESSAGE_LINE.finditer(data) if match.start() == 0 or _is_apart(data, match)]
    ends = [start for start, _ in places[1:]] + [len(data)]
    for number, ((_, begin), end) in enumerate(zip(places, ends, strict=True), start=1):
        yield _read_message(QUOTED_LINE.sub(rb"\1", data[begin:end]), f"#{number}")


def _is_apart(data: bytes, line: re.Match[bytes]) -> bool:
    """Whether a line that begins a message has a blank one before it."""
    return data[max(line.start() - 4, 0) : line.start()].replace(b"\r", b"").endswith(b"\n\n")


def _read_message(data: bytes, suffix: str) -> Part:
    message = BytesParser(_class=EmailMessage, policy=email.policy.default).parsebytes(data)
    return Part(_read_body(message), _header(message, "subject") or None, suffix, _describe(message))


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, TypeError, IndexError, AttributeError):  # of a header that the library cannot parse
        return ""


def _read_body(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        text = str(body.get_content())
    except (LookupError, ValueError, KeyError):  # an encoding that nobody knows
        text = (body.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[union-attr]  # bytes
    if body.get_content_subtype() != "html":
        return text.replace("\r\n", "\n")
    from semsearch.ingest.extraction.kinds.html import to_markdown

    return to_markdown(text.encode("utf-8", "replace"))[0]


def _describe(message: EmailMessage) -> dict[str, Any]:
    """Sender, receivers, and the date as ISO 8601."""
    described: dict[str, Any] = {name: _header(message, name) for name in ("from", "to") if _header(message, name)}
    with suppress(ValueError, TypeError, IndexError):
        described["date"] = parsedate_to_datetime(_header(message, "date")).isoformat()
    attached = [part.get_filename() for part in message.iter_attachments() if part.get_filename()]
    return described | ({"attachments": attached} if attached else {})
