"""What was done and what was measured, in words."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from semsearch.ingest.reader import Reader
    from semsearch.storage.sync import SyncReport
    from semsearch.storage.upkeep.status import Status

__all__ = [
    "count_noun",
    "measured_text",
    "report_json",
    "size_text",
    "summary",
    "tell_gone_files",
    "tell_unread",
    "warn_of_age",
]


def summary(name: str, report: SyncReport, dry_run: bool) -> str:
    """What was done, or would be, in one line."""
    counts = (
        (report.added, "to add" if dry_run else "added"),
        (report.updated, "to update" if dry_run else "updated"),
        (report.unchanged, "unchanged"),
        (report.removed, "to remove" if dry_run else "removed"),
        (report.empty, "blank"),
        (report.skipped, "skipped"),
    )
    documents = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    passages = f"{count_noun(report.passages, 'passage')} {'to encode' if dry_run else 'encoded'}"
    passages += f", {report.reused:,} known already" if report.reused else ""
    passages += f"; {count_noun(report.moved, 'file')} moved" if report.moved else ""
    return f"{name}{' (dry run)' if dry_run else ''}: {documents or 'nothing to do'}; {passages}"


def report_json(name: str, report: SyncReport, reader: Reader) -> str:
    """All that was done, counted, and what was left out with the reasons, as one JSON object."""
    left_out = {"unknown_kind": reader.ignored, "by_rules": reader.excluded, "needs_extra": reader.unreadable}
    rates = {
        "bytes_per_second": reader.bytes_read / report.reading_seconds if report.reading_seconds else None,
        "passages_per_second": report.passages / report.encoding_seconds if report.encoding_seconds else None,
        "tokens_per_second": report.tokens / report.encoding_seconds if report.encoding_seconds else None,
    }
    rounded = {rate: value and round(value) for rate, value in rates.items()}
    value = {"collection": name, **asdict(report), **rounded, "left_out": left_out, "skipped_because": reader.messages}
    return json.dumps(value, ensure_ascii=False)


def tell_gone_files(name: str, report: SyncReport) -> None:
    """Warn on stderr of documents whose files are not there any more."""
    if report.gone:
        click.echo(
            f"warning: {count_noun(report.gone, 'file')} of {name} {'is' if report.gone == 1 else 'are'} gone, and "
            f"what was in {'it' if report.gone == 1 else 'them'} is still found; "
            f"semsearch sync {name} --prune removes it",
            err=True,
        )


def tell_unread(report: SyncReport) -> None:
    """Warn on stderr of what the vectors do not cover, and of what the model cannot tell apart."""
    if report.truncated:
        click.echo(
            f"warning: {count_noun(report.truncated, 'passage')} longer than the model reads: "
            f"{count_noun(report.tokens_cut, 'token')} not in the vectors; --unit window cuts nothing off",
            err=True,
        )
    if report.unknown:
        click.echo(
            f"warning: {count_noun(report.unknown, 'passage')} with words that the model does not know: "
            f"{count_noun(report.tokens_unknown, 'token')} read as if all were the same; take a model of the language",
            err=True,
        )


def count_noun(count: int, noun: str) -> str:
    """A number with its noun: 1 file, 2 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(count: int) -> str:
    """A number of bytes in decimal units, as disks are sold."""
    from rich.filesize import decimal

    return decimal(count)


def measured_text(status: Status) -> str:
    """What is known of the index's recall and speed."""
    if status.recall is None:
        return "searched exactly, without an index: recall is 1"
    return (
        f"recall@10 {status.recall:.4f} ({status.recall_low:.4f} to {status.recall_high:.4f} with 95 % confidence), "
        f"{status.p50_ms:.2f} ms a query (p95 {status.p95_ms:.2f}), index {status.index}, "
        f"measured on {status.measured_rows:,} rows"
    )


def warn_of_age(status: Status) -> None:
    """Warn on stderr if the figures of the index are doubtful."""
    if status.stale:
        click.echo(
            f"warning: recall was measured on {status.measured_rows:,} rows and the collection has changed much since; "
            f"measure again with: semsearch compact {status.name}",
            err=True,
        )
