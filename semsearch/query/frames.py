"""Hits for other programs: Arrow and pandas tables, and HTML for notebooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from semsearch.common.documents import Span
from semsearch.common.environment import import_extra
from semsearch.common.unicode import replace_surrogates

if TYPE_CHECKING:
    from semsearch.query.hits import Hit

__all__ = ["to_arrow", "to_html", "to_pandas"]

SHOWN = 300
"""Characters of a text that a notebook shows, more if a highlight is further on."""


def to_arrow(hits: Sequence[Hit]) -> Any:
    """A ``pyarrow.Table`` with a row a hit: fields, metadata and location as JSON text, and a column for each part."""
    pa = import_extra("pyarrow", "frames", "making Arrow tables")
    texts, numbers = ("document", "text", "title", "source"), ("rank", "passage", "start", "end")
    columns: dict[str, Any] = {"rank": pa.array([hit.rank for hit in hits], pa.int64())}
    columns["score"] = pa.array([hit.score for hit in hits], pa.float64())
    for name in (*numbers[1:], *texts):
        values = [getattr(hit, name) for hit in hits]
        if name in texts:
            columns[name] = pa.array([value and replace_surrogates(value) for value in values], pa.string())
        else:
            columns[name] = pa.array(values, pa.int64())
    for name in ("metadata", "location"):
        columns[name] = pa.array([json.dumps(dict(getattr(hit, name))) for hit in hits], pa.string())
    for part in dict.fromkeys(name for hit in hits for name in hit.parts):
        columns[part] = pa.array([hit.parts.get(part) for hit in hits], pa.float64())
    for name in ("percentile", "confidence"):
        columns[name] = pa.array([getattr(hit, name) for hit in hits], pa.float64())
    return pa.table(columns)


def to_pandas(hits: Sequence[Hit]) -> Any:
    """The same as a ``pandas.DataFrame``."""
    import_extra("pandas", "frames", "making pandas tables")
    return to_arrow(hits).to_pandas()


def to_html(hits: Sequence[Hit]) -> str:
    """A table; the words of the question are marked if they were asked for. All text is escaped."""
    rows = "".join(
        f"<tr><td>{hit.rank}</td><td>{hit.score:.4f}</td><td>{escape(hit.document)}</td>"
        f"<td>{f'<b>{escape(hit.title)}</b> ' if hit.title else ''}{_mark(hit.text, hit.highlights or ())}</td></tr>"
        for hit in hits
    )
    head = "<tr><th>rank</th><th>score</th><th>document</th><th>text</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _mark(text: str, spans: Sequence[Span]) -> str:
    marked, end = [], 0
    shown = max([SHOWN, *(stop for _, stop in spans)])
    for start, stop in spans:
        marked.append(f"{escape(text[end:start])}<mark>{escape(text[start:stop])}</mark>")
        end = stop
    return "".join(marked) + escape(text[end:shown]) + ("…" if shown < len(text) else "")
