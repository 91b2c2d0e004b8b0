"""What a space answers: names with their ranks and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Answer", "Neighbour", "ranks_apart"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A name of a space, such as a token, and how well it answers a question; ``rank`` counts from 1."""

    rank: int
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an analogy; ``rank`` is among all but the question's words, and ``None`` for one of these.

    ``rank_of_all`` counts the question's words, too, which often are the nearest.
    """

    rank: int | None
    rank_of_all: int
    name: str
    score: float


def ranks_apart(asked: Sequence[bool], k: int) -> list[int | None]:
    """Ranks of the first ``k`` answers, and ``None`` for what comes between them and was ``asked`` itself.

    ``asked`` goes through all candidates, best first; what comes behind the last answer is left out.
    """
    places = [place for place, is_asked in enumerate(asked) if not is_asked][:k]
    ranks = {place: rank for rank, place in enumerate(places, 1)}
    return [ranks.get(place) for place in range(places[-1] + 1 if places else len(asked))]
