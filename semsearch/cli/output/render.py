"""Rows to text: one place for every command's ``--format``."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.output.summary import size_text
from semsearch.cli.output.table import print_table, titled_text
from semsearch.common.documents import Metric
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.query.analogy import PassageAnswer
    from semsearch.query.hits import Hits
    from semsearch.query.overview.clusters import Cluster
    from semsearch.query.overview.duplicates import Duplicates

__all__ = [
    "explain_scores",
    "is_for_people",
    "is_table",
    "json_text",
    "show",
    "show_clusters",
    "show_duplicates",
]
__all__ += ["show_hits", "show_occurrences", "show_passage_answers", "show_record"]

Record = Mapping[str, Any]
RecordPrinter = Callable[[Sequence[Record], Sequence[str]], None]

HIT_COLUMNS = ("rank", "score", "document", "place", "text")
"""What plain text shows of a hit, and a table, where there is a place; the other formats show everything."""

LEFT_BY_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What could steer a terminal or end a line, and JSON may hold as it is."""

SHOWN = 5
"""First numbers of a vector that people see; the other formats have all of them."""


def show_hits(hits: Hits, style: str | None, legend: str) -> None:
    """Print search results, and on stderr that nothing is relevant, if that is so."""
    records = [hit.to_json() for hit in hits]
    every = tuple(records[0]) if records else _hit_fields()
    shown = [_show_snippet(record) for record in records] if is_for_people(style) else records
    columns: Sequence[str] = HIT_COLUMNS
    if _style(style) == "plain" and any("highlights" in record for record in shown):  # a table has them in bold
        columns = (*HIT_COLUMNS[:-1], "matches", "text")
        shown = [{**record, "matches": _list_matches(record)} for record in shown]
    _show_places(shown, columns, every, style, "no results", legend)
    if hits.nothing_relevant:
        click.echo(
            f"nothing relevant: the best passage has a confidence of {_floor(hits.confidence or 0.0):.2f}; that is, of "
            f"100 nonsense questions {100 - int(100 * _floor(hits.confidence or 0.0))} find as much",
            err=True,
        )


def _show_places(
    records: Sequence[Record],
    columns: Sequence[str],
    every: Sequence[str],
    style: str | None,
    nothing: str,
    legend: str = "",
) -> None:
    """Print hits as records; the column ``place`` is left out of a table without any."""
    if is_for_people(style):
        records = [{**record, "place": _place_beside_id(record)} for record in records]
    if is_table(style) and not any(record["place"] for record in records):
        columns = [name for name in columns if name != "place"]
    show(records, columns, style, every=every, nothing=nothing, legend=legend)


def explain_scores(hits: Hits, metric: Metric) -> str:
    """What the scores of hits mean, by what made them; nothing for other metrics, nor for a model's own."""
    parts = hits[0].parts if hits else {}
    if parts.keys() == {"lexical"}:
        return "score: BM25 of the words; only its order means something"
    if "cross-encoder" in parts or metric is not Metric.COSINE:
        return ""
    by = "cosine of the meanings" if parts.keys() == {"dense"} else "meaning and words"
    return f"score: {by}; 1 is the same text, about 0 is unrelated"


def _place_beside_id(record: Record) -> str:
    """Where a hit is, if its id does not say the same."""
    place = _place(record["source"], record["location"])
    return "" if place == record["document"] else place


def _place(source: str | None, location: Mapping[str, Any]) -> str:
    """Where a hit is: ``main.py:120``, ``report.pdf, page 7-8``, ``b.xlsx, Prices, row 14``; headings have no room."""
    name = PurePosixPath(source or "").name
    if "line" in location:
        return f"{name}:{location['line']}"
    words = [name] if location else []
    for field, value in location.items():
        last = location.get(f"last_{field}")
        if field == "sheet":
            words.append(str(value))
        elif field != "heading" and not field.startswith("last_"):
            words.append(f"{field} {value}" + (f"-{last}" if last else ""))
    return ", ".join(words)


def _floor(share: float) -> float:
    """A share as hundredths, never more than it is."""
    return math.floor(100 * share) / 100


def _show_snippet(record: dict[str, Any]) -> dict[str, Any]:
    """A hit with its best sentence, if that is known, in the place of its text."""
    if "snippet" not in record:
        return record
    begin, end = record["snippet"]
    inside = [span for span in record.get("highlights") or () if begin <= span[0] and span[1] <= end]
    moved = [(start - begin, stop - begin) for start, stop in inside]
    return {**record, "text": record["text"][begin:end], "highlights": moved, "title": None}


def _list_matches(record: Record) -> list[str]:
    """The words of the question as they stand in a hit's text, each once."""
    return list(dict.fromkeys(record["text"][begin:end] for begin, end in record.get("highlights") or ()))


def show_passage_answers(answers: Sequence[PassageAnswer], style: str | None) -> None:
    """Print the passages that answer an analogy: hits with two ranks."""
    every = ["rank", "rank_of_all", *(name for name in _hit_fields() if name != "rank")]
    rows = [answer.hit.to_json() | {"rank": answer.rank, "rank_of_all": answer.hit.rank} for answer in answers]
    ordered = [{name: row[name] for name in every} for row in rows]
    _show_places(ordered, ("rank", "rank_of_all", *HIT_COLUMNS[1:]), every, style, "no results")


def show_duplicates(groups: Sequence[Duplicates], style: str | None) -> None:
    """Print the passages of each group, with the group's number."""
    every = ["group", *_hit_fields()]
    rows = [{"group": number, **hit.to_json()} for number, group in enumerate(groups, start=1) for hit in group.hits]
    _show_places(rows, ("group", *HIT_COLUMNS[1:]), every, style, "no duplicates")


def show_clusters(clusters: Sequence[Cluster], style: str | None) -> None:
    """Print the central passages of each cluster, with the cluster's number, size and words."""
    every = ["cluster", "size", "words", "cohesion", *_hit_fields()]
    rows = [
        {
            "cluster": cluster.number,
            "size": cluster.size,
            "words": list(cluster.words),
            "cohesion": cluster.cohesion,
            **hit.to_json(),
        }
        for cluster in clusters
        for hit in cluster.hits
    ]
    _show_places(rows, ("cluster", "size", "words", *HIT_COLUMNS[2:]), every, style, "no passages")


def _hit_fields() -> list[str]:
    from semsearch.query.hits import ON_REQUEST, Hit

    return [*(field.name for field in fields(Hit) if field.name not in ON_REQUEST), "relevant"]


def show_occurrences(rows: Sequence[Record], columns: Sequence[str], style: str | None, legend: str) -> None:
    """Print places of a word, of which ``columns`` are for people, with what is around it at the end."""
    chosen = _style(style)
    for_people = chosen in ("table", "plain")
    shown = [{**row, "text": row["snippet"], "title": None} for row in rows] if for_people else rows
    show(shown, (*columns, "text"), chosen, every=tuple(rows[0]), legend=legend)


def show_record(record: Record, style: str | None) -> None:
    """Print one object: its fields below each other, or as JSON or CSV."""
    chosen = _style(style)
    if chosen == "json":
        click.echo(json_text(dict(record), indent=2))
    elif chosen in ("jsonl", "csv"):
        show([record], tuple(record), chosen)
    else:
        table = chosen == "table"
        rows = [{"field": name.replace("_", " "), "value": _cell(name, record[name], table)} for name in record]
        show(rows, ("field", "value"), chosen)


def show(
    rows: Sequence[Record],
    columns: Sequence[str],
    style: str | None,
    *,
    every: Sequence[str] = (),
    nothing: str = "",
    legend: str = "",
) -> None:
    """Print rows: ``columns`` for people, ``every`` field for programs (the same ones unless told).

    ``nothing`` is said on stderr when there are no rows, so that stdout stays data. The ``legend`` below a table says
    what its numbers mean.
    """
    if not rows and nothing:
        click.echo(nothing, err=True)
    for_people: dict[str, RecordPrinter] = {"plain": _print_plain, "table": _table}
    for_programs: dict[str, RecordPrinter] = {"json": _json, "jsonl": _jsonl, "csv": _csv}
    chosen = _style(style)
    if chosen in for_people:
        for_people[chosen](rows, columns)
        if chosen == "table" and rows and legend:
            click.secho(legend, dim=True)
    else:
        for_programs[chosen](rows, every or columns)


def is_for_people(style: str | None) -> bool:
    """Whether rows are shown as people read them, rather than with all fields."""
    return _style(style) in ("table", "plain")


def is_table(style: str | None) -> bool:
    """Whether rows are shown as a table."""
    return _style(style) == "table"


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that is readable in every script; what could steer a terminal or end a line is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return LEFT_BY_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _style(style: str | None) -> str:
    return style or ("table" if sys.stdout.isatty() else "plain")


def _json(rows: Sequence[Record], _: Sequence[str]) -> None:
    click.echo(json_text([dict(row) for row in rows], indent=2))


def _jsonl(rows: Sequence[Record], _: Sequence[str]) -> None:
    for row in rows:
        click.echo(json_text(dict(row)))


def _csv(rows: Sequence[Record], names: Sequence[str]) -> None:
    writer = csv.writer(_Lines(), lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([[_field(row[name]) for name in names] for row in rows])


class _Lines:
    """Takes rows of CSV, which end in CR LF: before Python 3.12.3 the module quotes a CR only if it ends a row, too."""

    def write(self, row: str) -> None:
        """Print a row that ends in a line feed, as everything else here does."""
        sys.stdout.write(row.removesuffix("\r\n") + "\n")


def _field(value: Any) -> str:
    if value is None:
        return ""
    return json_text(value) if isinstance(value, dict | list | tuple | bool) else str(value)


def _print_plain(rows: Sequence[Record], columns: Sequence[str]) -> None:
    for row in rows:
        click.echo("\t".join(titled_text(row) if name == "text" else _cell(name, row[name]) for name in columns))


def _table(rows: Sequence[Record], columns: Sequence[str]) -> None:
    if rows:
        print_table(rows, columns, lambda name, value: _cell(name, value, table=True))


def _cell(name: str, value: Any, table: bool = False) -> str:
    """A value as people read it, on one line; a table groups the digits of quantities, which ids are not."""
    if value is None:
        return ""
    if name == "bytes":
        return size_text(value)
    if name == "vector":
        return " ".join(f"{number:.4f}" for number in value[:SHOWN])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int) and table and name != "id":
        return f"{value:,}"
    if name == "fields":
        return one_line("; ".join(f"{field} ({_kind_counts(kinds)})" for field, kinds in value.items()))
    return one_line(", ".join(value) if isinstance(value, list) else value)


def _kind_counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
