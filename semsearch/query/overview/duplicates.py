"""Passages of a collection that are nearly the same, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semsearch.analysis.duplicates import Pairs, find_pairs, join_pairs
from semsearch.common.arrays import Int64
from semsearch.common.errors import QueryError
from semsearch.query.hits import Candidates, Hit, read_hits
from semsearch.query.overview.selection import select_rows
from semsearch.query.request import check_score
from semsearch.storage.store import Store

if TYPE_CHECKING:
    from semsearch.query.filters.mapping import Where

__all__ = ["Duplicates", "find_duplicates"]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """A group of passages that pairs join, in the order in which they came into the collection.

    The ``score`` of a hit is its largest cosine with another one. ``pairs`` are the ranks of two hits with their
    cosine, the nearest first.
    """

    hits: tuple[Hit, ...]
    pairs: tuple[tuple[int, int, float], ...]


def find_duplicates(store: Store, least: float, where: Where | None) -> list[Duplicates]:
    """All groups of passages of different documents with a cosine of ``least`` or more, the largest group first."""
    if not 0 < check_score(least) <= 1:
        raise QueryError(f"{least!r} is no cosine of near-duplicates; give a number above 0, up to 1")
    with select_rows(store, where) as selection:
        pairs = find_pairs(selection.read, len(selection), least)
        near = np.unique(np.concatenate([pairs.first, pairs.second]))
        documents = np.zeros(len(selection), np.int64)
        documents[near] = selection.documents(near)
        pairs = pairs.take(np.flatnonzero(documents[pairs.first] != documents[pairs.second]))
        groups = join_pairs(pairs, len(selection))
        parts = _split_pairs(pairs, groups, len(selection))
        return [_read_group(store, selection.rows, group, part) for group, part in zip(groups, parts, strict=True)]


def _split_pairs(pairs: Pairs, groups: Sequence[Int64], count: int) -> list[Pairs]:
    """The pairs of each group, in their order."""
    group_of = np.empty(count, np.int64)
    for number, group in enumerate(groups):
        group_of[group] = number
    order = np.argsort(group_of[pairs.first], kind="stable")
    ends = np.cumsum(np.bincount(group_of[pairs.first], minlength=len(groups)))
    return [pairs.take(part) for part in np.split(order, ends[:-1])] if groups else []


def _read_group(store: Store, rows: Int64, group: Int64, pairs: Pairs) -> Duplicates:
    first, second = np.searchsorted(group, pairs.first), np.searchsorted(group, pairs.second)
    best = np.zeros(len(group), np.float32)
    np.maximum.at(best, first, pairs.cosines)
    np.maximum.at(best, second, pairs.cosines)
    hits = read_hits(store, Candidates(rows[group], best, {}, len(group)))
    joined = zip((first + 1).tolist(), (second + 1).tolist(), pairs.cosines.tolist(), strict=True)
    return Duplicates(tuple(hits), tuple(joined))
