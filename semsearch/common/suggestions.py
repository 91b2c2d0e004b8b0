"""What somebody may have meant who gave a name that is not there."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest_spellings", "suggest"]

MOST_COMPARED = 20_000
"""Names that are compared letter by letter at most, at some 10 µs each; of a longer list only those that look alike."""
LENGTHS_APART = 2


def suggest(name: str, names: Iterable[str], otherwise: str, *, count: int = 1, likeness: float = 0.6) -> str:
    """``did you mean 'x'?`` with up to ``count`` of ``names`` that are spelled like ``name``, else ``otherwise``.

    ``likeness`` runs from 0 to 1, which is the same spelling (difflib's ratio).
    """
    close = nearest_spellings(name, names, count, likeness)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else otherwise


def nearest_spellings(name: str, names: Iterable[str], count: int = 1, likeness: float = 0.6) -> list[str]:
    """Up to ``count`` of ``names`` that are spelled like ``name``, whatever their case, most alike first."""
    candidates = list(names)
    if len(candidates) > MOST_COMPARED:
        candidates = [other for other in candidates if _is_alike(name, other)][:MOST_COMPARED]
    import difflib  # seldom needed, and takes as long to import as this whole layer

    by_lower_case = {other.lower(): other for other in candidates}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=count, cutoff=likeness)
    return [by_lower_case[other] for other in close]


def _is_alike(name: str, other: str) -> bool:
    """Whether two names are about as long and share the first or the last letter."""
    about_as_long = abs(len(other) - len(name)) <= LENGTHS_APART
    same_first, same_last = other[:1].lower() == name[:1].lower(), other[-1:].lower() == name[-1:].lower()
    return about_as_long and (same_first or same_last)
