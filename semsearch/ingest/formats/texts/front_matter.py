"""Front matter of Markdown: data at the very start of a file, of which the title is one part and metadata are the rest.

YAML stands between lines of three hyphens, TOML between lines of three plus signs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from semsearch.common.documents import is_nested_deeper
from semsearch.ingest.formats.tables.values import plain_value

__all__ = ["FrontMatter", "split_front_matter"]

_BLOCK = re.compile(r"(---|\+\+\+)[ \t]*\n(.{0,65536}?)^(\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TITLE_LINE = re.compile(r"^title:[ \t]*(\S.*)", re.MULTILINE)


class FrontMatter(NamedTuple):
    """What it says, and the text behind it with ``\\n`` at the ends of lines."""

    title: str | None
    metadata: dict[str, Any]
    body: str


def split_front_matter(text: str) -> FrontMatter:
    """The front matter of a text, which may have none. What is wrong in it costs its metadata, not the text."""
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    block = _BLOCK.match(body)
    if block is None:
        return FrontMatter(None, {}, body)
    spelled = data = None
    with suppress(Exception):  # whatever a loader raises for what somebody has written
        spelled, data = _parse(block[2], block[1])
    if isinstance(spelled, str):  # a sentence between two lines is no data
        return FrontMatter(None, {}, body)
    return FrontMatter(_stated_title(spelled), _metadata(data), body[block.end() :])


def _parse(content: str, mark: str) -> tuple[Any, Any]:
    """What it holds, once with all values as they are spelled, and once with their types."""
    if mark == "+++":
        with suppress(tomllib.TOMLDecodeError, RecursionError):
            data = tomllib.loads(content)
            return data, data
        return None, None
    import yaml

    try:
        spelled = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - this loader makes strings, nothing else
    except (yaml.YAMLError, RecursionError):
        # a title with a colon in it that nobody has put into quotes
        return ({"title": line[1]} if (line := _TITLE_LINE.search(content)) else None), None
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content)):
        return spelled, None  # an alias of aliases may stand for a thousand million values
    try:
        return spelled, yaml.safe_load(content)
    except Exception:  # noqa: BLE001 - such as a date with a thirteenth month, or a tag that does not fit
        return spelled, spelled


def _stated_title(data: Any) -> str | None:
    title = data.get("title") if isinstance(data, Mapping) else None
    return None if title is None or isinstance(title, (dict, list)) else " ".join(str(title).split())


def _metadata(data: Any) -> dict[str, Any]:
    """All but the title, as JSON has it."""
    if not isinstance(data, Mapping) or is_nested_deeper(data):
        return {}
    return {name: value for name, value in plain_value(data).items() if name != "title" and value is not None}
