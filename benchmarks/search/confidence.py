"""Whether an answer's confidence tells a collection's own questions from those of other collections.

Each judged set is asked its own questions and those of the two others. AUC is the share of pairs of an own and a
foreign question of which the own one has more confidence, a tie being half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import semsearch
from benchmarks.search.judged import SETS, judged_collection, judged_queries

QUESTIONS = 300
"""Of each set, at most."""
SHORT = 3
"""Words of a short question, which begins with them, but for words of fewer letters than four."""
LEAST = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
"""Confidences that are tried as the least one."""


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    texts = {name: [query["text"] for query in judged_queries(name)[0]][:QUESTIONS] for name in SETS}
    short = {name: [_shorten(text) for text in some] for name, some in texts.items()}
    rows = {}
    for name in SETS:
        with judged_collection(name, encoder) as collection:
            rows[name] = {"whole": _measure(collection, name, texts), "short": _measure(collection, name, short)}
    return {"sets": rows, "least": LEAST, "short_words": SHORT, "encoder": encoder.precision}


def _shorten(text: str) -> str:
    return " ".join([word for word in text.split() if len(word) > SHORT][:SHORT]) or text


def _measure(collection: semsearch.Collection, name: str, texts: dict[str, list[str]]) -> dict[str, Any]:
    own = _confidences(collection, texts[name])
    foreign = np.concatenate([_confidences(collection, some) for other, some in texts.items() if other != name])
    wins = (own[:, None] > foreign).mean() + (own[:, None] == foreign).mean() / 2
    return {
        "auc": round(float(wins), 4),
        "own_kept": [round(float((own >= least).mean()), 4) for least in LEAST],
        "foreign_refused": [round(float((foreign < least).mean()), 4) for least in LEAST],
    }


def _confidences(collection: semsearch.Collection, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array([hits.confidence for hits in collection.search_many(texts)])
