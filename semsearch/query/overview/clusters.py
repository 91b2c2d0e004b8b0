"""Passages of a collection in clusters, with the words that each has more often than the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semsearch.analysis.clusters import Clusters, find_clusters
from semsearch.analysis.typical_words import TYPICAL, typical_words
from semsearch.common.arguments import check_k
from semsearch.common.arrays import Int64
from semsearch.common.errors import QueryError
from semsearch.lexical.terms import Analyzer, analyzer_of
from semsearch.query.hits import Candidates, Hit, read_hits
from semsearch.query.overview.selection import Selection, select_rows
from semsearch.storage.store import Store

if TYPE_CHECKING:
    from semsearch.query.filters.mapping import Where

__all__ = ["Cluster", "list_clusters"]

MOST = 20
"""Clusters, unless more are wanted: what a person looks through."""
READ = 200
"""Passages of a cluster whose words are counted, from the centre to the edge."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Passages that lie together; ``number`` counts from 1, the largest cluster first.

    ``words`` are those that it has more often than the other clusters, the most typical first. ``hits`` are its most
    central passages; their score is the cosine with the mean direction of all, of which ``cohesion`` is the mean.
    """

    number: int
    size: int
    words: tuple[str, ...]
    cohesion: float
    hits: tuple[Hit, ...]


def list_clusters(store: Store, count: int | None, k: int, where: Where | None) -> list[Cluster]:
    """The passages in at most ``count`` clusters, the largest first, each with its ``k`` most central ones.

    Unless told otherwise there are as many as half the square root of the passages, from 2 to ``MOST``.
    """
    k = check_k(k)
    wanted = None if count is None else _check_count(count)
    with select_rows(store, where) as selection:
        if not len(selection):
            return []
        if wanted is None:
            wanted = min(max(2, round(math.sqrt(len(selection)) / 2)), MOST)
        clusters = find_clusters(selection.read, len(selection), wanted)
        members = [_rank_members(clusters, label) for label in range(clusters.labels.max() + 1)]
        words = _name(selection, members)
        return [
            _read_cluster(selection, clusters, places, number, named, k)
            for number, (places, named) in enumerate(zip(members, words, strict=True), start=1)
        ]


def _check_count(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise QueryError(f"{count!r} is no number of clusters; ask for at least 1")
    return int(count)


def _rank_members(clusters: Clusters, label: int) -> Int64:
    """The places of a cluster, the most central first."""
    places = np.flatnonzero(clusters.labels == label)
    return places[np.argsort(-clusters.cosines[places], kind="stable")]


def _read_cluster(
    selection: Selection, clusters: Clusters, places: Int64, number: int, words: tuple[str, ...], k: int
) -> Cluster:
    central = places[:k]
    candidates = Candidates(selection.rows[central], clusters.cosines[central], {}, len(places))
    hits = tuple(read_hits(selection.store, candidates))
    return Cluster(number, len(places), words, float(clusters.cosines[places].mean()), hits)


def _name(selection: Selection, members: Sequence[Int64]) -> list[tuple[str, ...]]:
    """The typical words of each cluster, as they are written most often."""
    store = selection.store
    analyzer = analyzer_of(store.definition.settings.language)
    spellings: dict[str, Counter[str]] = {}
    groups = []
    for places in members:
        read = places[:: -(-len(places) // READ)]
        passages = store.passages(selection.rows[read].tolist()).values()
        groups.append([_note_words(analyzer, passage.text, spellings) for passage in passages])
    named = typical_words(groups, [], ()) if len(groups) > 1 else [_frequent_words(groups[0])]
    return [tuple(spellings[term].most_common(1)[0][0] for term in terms) for terms in named]


def _frequent_words(texts: Sequence[set[str]]) -> tuple[str, ...]:
    """What most texts have, where there are no others to compare with."""
    counts = Counter(term for terms in texts for term in terms)
    return tuple(sorted(counts, key=lambda term: (-counts[term], term))[:TYPICAL])


def _note_words(analyzer: Analyzer, text: str, spellings: dict[str, Counter[str]]) -> set[str]:
    """The terms of a text that are words, without stop words; how they are written goes to ``spellings``."""
    found = set()
    for (start, end), terms in analyzer.words(text):
        pieces: Iterable[str] = terms.parts if terms.single else [text[start:end].casefold()]
        for term, spelling in zip(terms.parts if terms.single else terms.parts[:1], pieces, strict=False):
            if term not in analyzer.stop_terms and len(spelling) > 1 and any(map(str.isalpha, spelling)):
                spellings.setdefault(term, Counter())[spelling] += 1
                found.add(term)
    return found
