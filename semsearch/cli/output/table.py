"""Rows as a table that fits the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["print_table", "titled_text"]

GAP = 2
"""Spaces between two columns."""

LINES = 2
"""Lines of the terminal that a passage gets."""

SHARE = 0.36
"""Most of the width that a column beside the passages takes."""

WHOLE = ("document", "place")
"""What is copied into other commands: where a column has no room for it, it has a line of its own above the passage."""

NARROWEST = 10

MARK = "\x02"
MARKED = re.compile(f"{MARK}(\\d+) *")
"""Stands for a value that has no room on a line while a table is laid out; no text here has a control character."""


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], cell: Callable[[str, Any], str]) -> None:
    """Print rows; the column ``text`` gets the room that is left, and shows the beginnings of the texts.

    A longer value of another column goes on below itself; a longer id or place has a line of its own, to be copied. It
    is never broken: what is longer than the line is for the terminal to go on with.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    values = {name: [cell(name, row[name]) for row in rows] for name in columns if name != "text"}
    widths = {name: max(map(cell_len, [name, *shown])) for name, shown in values.items()}
    most = int(console.width * SHARE) if "text" in columns else console.width
    above = [name for name in WHOLE if widths.get(name, 0) > most]
    beside = [name for name in columns if name not in above]
    widths = {name: min(widths[name], most) for name in beside if name != "text"}
    room = max(console.width - sum(widths.values()) - GAP * len(widths), NARROWEST)

    whole: list[str] = []

    def fill(name: str, number: int) -> Text:
        if name != "text":
            value = values[name][number]
            if name in above and cell_len(value) > room:
                whole.append(value)
                value = f"{MARK}{len(whole) - 1}"
            return Text(value, _style(name, rows[number]))
        lines = [*(fill(one, number) for one in above), _beginning(rows[number], room, console)]
        return Text("\n").join(line for line in lines if line)

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for name in beside:
        numbers = all(isinstance(row[name], int | float) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold", max_width=widths.get(name))
    for number in range(len(rows)):
        table.add_row(*(fill(name, number) for name in beside))
    with console.capture() as printed:
        console.print(table)
    console.file.write(MARKED.sub(lambda marked: whole[int(marked[1])], printed.get()))


def titled_text(row: Mapping[str, Any]) -> str:
    """A passage on one line; the title goes first, unless the id or the passage shows it already."""
    text, title = one_line(row["text"]), one_line(row.get("title") or "")
    told = not title or title == row.get("document") or text.lstrip("# ").startswith(title)
    return text if told else f"{title}: {text}"


def _style(name: str, row: Mapping[str, Any]) -> str:
    """A place is a link to its file, in terminals that have links (OSC 8)."""
    source = str(row.get("source") or "")
    if name != "place" or not source.startswith("/"):
        return ""
    line = row["location"].get("line")
    return f"link file://{quote(source)}" + (f"#L{line}" if line else "")


def _beginning(row: Mapping[str, Any], width: int, console: Console) -> Text:
    """As much of a passage as fits its lines."""
    from rich.text import Text

    content = Text(titled_text(row)[: (LINES + 1) * width])
    content.highlight_words({row["text"][start:end] for start, end in row.get("highlights") or ()}, style="bold")
    lines = content.wrap(console, width, overflow="fold")
    if len(lines) > LINES:
        last = lines[LINES - 1]
        last.truncate(width - 1)
        last.rstrip()
        last.append("…")
    return Text("\n").join(lines[:LINES])
