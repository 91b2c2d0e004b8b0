"""The tables of filters, ours beside the peers'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.reporting.tables import table

__all__ = ["filtered"]

HEAD = """\
Sentences, each with a number in its metadata that the filter cuts at a share; questions are vectors of other sentences.
Milliseconds are the median of single questions, behind them recall@10 among what is allowed; first is a filter that is
new to the process. Ours answers with texts and metadata, peers with ids alone, each at the effort at which it first has
our recall without a filter, or at its greatest. usearch's Python package has no filters. hnswlib raises an error where
it finds fewer than ten; what it finds is counted.
"""


def filtered(figures: dict[str, Any]) -> str:
    return HEAD + "".join(_write_size(int(size), row) for size, row in figures["sizes"].items())


def _write_size(size: int, figures: dict[str, Any]) -> str:
    peers = figures["peers"]
    whole = [figures["dense_p50_ms"], figures["recall"], *_peer_cells(peers.values())]
    rows = [["no filter", f"{figures['passages']:,}", "", *whole]]
    for place, row in enumerate(figures["filters"]):
        ours = [row["first_ms"], row["p50_ms"], row["recall"]]
        theirs = _peer_cells(peer["filters"][place] for peer in peers.values())
        rows.append([f"{row['share']} %", f"{row['documents']:,}", *ours, *theirs])
    head = ["share", "allowed", "first, ms", "p50, ms", "recall", *(f"{name}, ms / recall" for name in peers)]
    builds = ", ".join(f"{name} {peer['build_seconds']} s" for name, peer in peers.items())
    told = f"; from vectors: {builds}" if builds else ". The peers were not measured at this size"
    return (
        f"\n{size:,} sentences:\n\n{table(head, rows)}\n"
        f"The same as texts, p50 of ten hits: lexical {figures['lexical_p50_ms']} ms, hybrid "
        f"{figures['hybrid_p50_ms']} ms, of which {figures['encode_p50_ms']} ms encode\nthe question. "
        f"Adding 1,000 sentences takes {figures['add_1000_s']} s, "
        f"encoding the same alone {figures['encode_1000_s']} s.\n"
        f"Built in {figures['add_all_s']} s, the encoding apart{told}.\n"
    )


def _peer_cells(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [f"{row['p50_ms']} / {row['recall']}" for row in rows]
