"""What made the score of each hit, for people: below the table, a few lines a hit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from semsearch.cli.output.render import is_for_people, show_record
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.query.accounts.why import Why
    from semsearch.query.hits import Hit, Hits

__all__ = ["show_explanations", "show_why"]

SHOWN = 8
"""Words and tokens that are shown of a hit, those that add most."""


def show_explanations(hits: Hits, style: str | None) -> None:
    """Print for people the parts of each hit's score, and the words and tokens that add most to it.

    What the filter has removed goes to stderr.
    """
    for hit in hits if is_for_people(style) else ():
        explanation = hit.explanation
        if explanation is None:
            continue
        parts = [f"{name} {score:.4f}{_rank(explanation.ranks.get(name))}" for name, score in hit.parts.items()]
        click.echo(f"\n{hit.rank}. {one_line(hit.document)}: {hit.score:.4f} of {', '.join(parts)}")
        _show_standing(hit)
        _show_shares("words", explanation.words.items())
        _show_shares("tokens", explanation.tokens)
        _show_shares("query", explanation.query_tokens)
    if hits.removed:
        left_out = ", ".join(f"{hit.rank}. {one_line(hit.document)} ({hit.score:.4f})" for hit in hits.removed)
        click.echo(f"left out by the filter, with their ranks without it: {left_out}", err=True)


def show_why(why: Why, style: str | None) -> None:
    """Print what became of a document."""
    record = {"document": why.document, "reason": why.reason.value, "rank": why.rank, "score": why.score, **why.parts}
    if why.last is not None:
        record |= {"last_hit": why.last.document, "last_rank": why.last.rank, "last_score": why.last.score}
    show_record(record, style)


def _rank(rank: int | None) -> str:
    return "" if rank is None else f" (rank {rank})"


def _show_standing(hit: Hit) -> None:
    if hit.percentile is not None:
        confidence = "" if hit.confidence is None else f", confidence {hit.confidence:.3f}"
        closer = "every" if hit.percentile >= 100 else f"{min(hit.percentile, 99.99):.4g} % of"
        click.echo(f"   closer than {closer} random pair{'' if closer == 'every' else 's'}{confidence}")


def _show_shares(what: str, shares: Iterable[tuple[str, float]]) -> None:
    largest = sorted(shares, key=lambda pair: -pair[1])
    if largest:
        shown = "  ".join(f"{one_line(token)} {share:.3f}" for token, share in largest[:SHOWN])
        rest = sum(share for _, share in largest[SHOWN:])
        click.echo(f"   {what:<7}{shown}{f'  others {rest:.3f}' if len(largest) > SHOWN else ''}")
