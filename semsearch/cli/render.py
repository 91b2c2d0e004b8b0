"""Rows to text: one place for every command's ``--format``."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from semsearch.types import Hit

__all__ = ["hit_row", "show", "show_hits", "show_record"]

Row = Mapping[str, Any]
Writer = Callable[[Sequence[Row], Sequence[str]], None]

HIT_COLUMNS = ("rank", "score", "document", "text")
"""What a table and plain text show of a hit; the other formats show everything."""


def show_hits(hits: Sequence[Hit], style: str | None) -> None:
    """Print search results."""
    show([hit_row(hit) for hit in hits], HIT_COLUMNS, style, nothing="no results")


def hit_row(hit: Hit) -> Row:
    """A hit as the JSON object that is part of the command line's contract."""
    return asdict(hit)


def show_record(record: Row, style: str | None) -> None:
    """Print one object: its fields below each other, or as JSON or CSV."""
    chosen = _style(style)
    if chosen in ("json", "jsonl", "csv"):
        show([record], tuple(record), chosen, nothing="")
        return
    rows = [{"field": name.replace("_", " "), "value": value} for name, value in record.items()]
    show(rows, ("field", "value"), chosen, nothing="")


def show(rows: Sequence[Row], columns: Sequence[str], style: str | None, *, nothing: str) -> None:
    """Print rows; ``nothing`` is said on stderr when there are none, so that stdout stays data."""
    chosen = _style(style)
    if not rows and nothing:
        click.echo(nothing, err=True)
    writers: dict[str, Writer] = {"json": _json, "jsonl": _jsonl, "csv": _csv, "plain": _plain, "table": _table}
    writers[chosen](rows, columns)


def _style(style: str | None) -> str:
    return style or ("table" if sys.stdout.isatty() else "plain")


def _json(rows: Sequence[Row], _: Sequence[str]) -> None:
    click.echo(json.dumps([dict(row) for row in rows], ensure_ascii=False, indent=2))


def _jsonl(rows: Sequence[Row], _: Sequence[str]) -> None:
    for row in rows:
        click.echo(json.dumps(dict(row), ensure_ascii=False))


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    names = list(rows[0]) if rows else list(columns)
    writer = csv.writer(click.get_text_stream("stdout"), lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_cell(row[name]) for name in names] for row in rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _plain(rows: Sequence[Row], columns: Sequence[str]) -> None:
    for row in rows:
        click.echo("\t".join(_short(row[name]) for name in columns))


def _short(value: Any) -> str:
    """A value on one line without control characters, which could otherwise steer the terminal."""
    text = f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value or "")
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    if not rows:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        numbers = all(isinstance(row[name], int | float) for row in rows)
        last = name == columns[-1]
        table.add_column(
            name,
            justify="right" if numbers else "left",
            no_wrap=not last,
            overflow="fold" if last else "ellipsis",
            max_width=None if last else 40,
        )
    for row in rows:
        table.add_row(*(Text(_excerpt(_short(row[name]))) for name in columns))
    Console().print(table)


def _excerpt(text: str, limit: int = 240) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
