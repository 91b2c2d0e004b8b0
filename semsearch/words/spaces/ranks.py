"""Ranks of answers, when what the question is made of is ranked with them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ranks_apart"]


def ranks_apart(asked: Sequence[bool], k: int) -> list[int | None]:
    """Ranks of the first ``k`` answers, and ``None`` for what comes between them and was ``asked`` itself.

    ``asked`` goes through all that was found, best first; what comes behind the last answer is left out.
    """
    answers = [place for place, own in enumerate(asked) if not own][:k]
    ranks = {place: rank for rank, place in enumerate(answers, 1)}
    return [ranks.get(place) for place in range(answers[-1] + 1 if answers else len(asked))]
