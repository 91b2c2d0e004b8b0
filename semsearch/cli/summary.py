"""What a sync did, in words."""

from __future__ import annotations

import click

from semsearch.types import SyncReport

__all__ = ["counted", "summary", "tell_truncated"]


def summary(name: str, report: SyncReport, skipped: int, dry_run: bool) -> str:
    """What was done, or would be, in one line."""
    counts = (
        (report.added, "to add" if dry_run else "added"),
        (report.updated, "to update" if dry_run else "updated"),
        (report.unchanged, "unchanged"),
        (report.removed, "to remove" if dry_run else "removed"),
        (report.empty, "blank"),
        (skipped, "skipped"),
    )
    documents = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    passages = f"{counted(report.passages, 'passage')} {'to encode' if dry_run else 'encoded'}"
    return f"{name}{' (dry run)' if dry_run else ''}: {documents or 'nothing to do'}; {passages}"


def tell_truncated(report: SyncReport) -> None:
    """Warn on stderr of what the vectors do not cover."""
    if report.truncated:
        click.echo(
            f"warning: {counted(report.truncated, 'passage')} longer than the model reads: "
            f"{counted(report.tokens_cut, 'token')} not in the vectors; --unit window cuts nothing off",
            err=True,
        )


def counted(count: int, noun: str) -> str:
    """A number with its noun: 1 file, 2 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
