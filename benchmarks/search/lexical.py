"""Lexical search by itself: a million sentences of novels, and passages of eight of them; any word may match, top 100.

Questions are sentences of three to sixteen words that are not among them. No vectors are made.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.reporting.corpora import LINES_IN_A_PASSAGE, novel_sentences
from semsearch.lexical.bm25 import LexicalIndex
from semsearch.lexical.postings import build_postings, merge_postings
from semsearch.lexical.row_scores import RowScores
from semsearch.lexical.terms import analyzer_of

SENTENCES = 1_000_000
PASSAGES = 250_000
QUESTIONS = 200
HELD_OUT = 2_000
SHORTEST, LONGEST = 3, 16
BATCH = 1024
TOP = 100


def measure() -> dict[str, Any]:
    texts = list(novel_sentences(SENTENCES))
    order = np.random.default_rng(1).permutation(len(texts)).tolist()
    held_out = [texts[number] for number in order[:HELD_OUT]]
    questions = [text for text in held_out if SHORTEST <= len(text.split()) <= LONGEST][:QUESTIONS]
    sentences = [texts[number] for number in order[HELD_OUT:]]
    return {
        "sentences": _measure(_cycle(sentences, 1), SENTENCES, questions),
        "passages": _measure(_cycle(sentences, LINES_IN_A_PASSAGE), PASSAGES, questions),
    }


def _cycle(sentences: Sequence[str], together: int) -> Iterator[str]:
    """Texts of some sentences each, from the front again when all have been."""
    endless = itertools.cycle(sentences)
    while True:
        yield " ".join(itertools.islice(endless, together))


def _measure(texts: Iterator[str], count: int, questions: Sequence[str]) -> dict[str, Any]:
    analyzer = analyzer_of("en")
    begin = time.perf_counter()
    segments = [
        build_postings(itertools.islice(texts, min(BATCH, count - first)), analyzer, first)
        for first in range(0, count, BATCH)
    ]
    built = time.perf_counter()
    postings = merge_postings(segments)
    merged = time.perf_counter()
    index = LexicalIndex([postings], np.empty(0, np.int64))
    times = []
    for question in questions:
        start = time.perf_counter()
        RowScores(index.scores(analyzer.query_terms(question))).best(TOP)
        times.append(1000 * (time.perf_counter() - start))
    return {
        "rows": count,
        "mean_length": round(index.mean_length, 1),
        "postings": int(postings.sizes.sum()),
        "megabytes": round(sum(map(len, postings.pack())) / 1e6),
        "build_seconds": round(built - begin, 1),
        "merge_seconds": round(merged - built, 1),
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
    }
