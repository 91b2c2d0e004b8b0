"""Words: similarity as people judge it (SimLex-999, WordSim-353), senses in context (WiC), and neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

import semsearch
from benchmarks.reporting.corpora import DATA
from semsearch.common.arrays import Float32
from semsearch.common.documents import Span
from semsearch.encoder.encoder import TokenVectors
from semsearch.words.spaces import DEFAULT_SPACE, Vocabulary

SPACES = ("static", "layer:1", "layer:2", DEFAULT_SPACE, "layer:6", "encoded")
SETS = {"SimLex-999": "simlex999.txt", "WordSim-353": "wordsim353.tsv"}
SHOWN = (
    "king water run happy green seven paris doctor music war bee",
    "helicopter river money quickly beautiful computer bread unaffable ouagadougou",
)
NEIGHBOURS = 6


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    judged = {name: _pairs(file) for name, file in SETS.items()}
    similarity = {}
    for name in SPACES:
        vocabulary = Vocabulary(encoder, name)
        similarity[name] = {one: _spearman(vocabulary, pairs) for one, pairs in judged.items()}
        print(name, similarity[name], flush=True)
    vocabulary = Vocabulary(encoder)
    return {
        "default": DEFAULT_SPACE,
        "pairs": {name: len(pairs) for name, pairs in judged.items()},
        "spearman": similarity,
        "wic_accuracy": _senses(encoder),
        "nearest": {
            word: [one.name for one in vocabulary.nearest(word, NEIGHBOURS)] for word in " ".join(SHOWN).split()
        },
    }


def _pairs(file: str) -> list[tuple[str, str, float]]:
    lines = (DATA / "words" / file).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(row[0].lower(), row[1].lower(), float(row[2])) for row in rows]


def _spearman(vocabulary: Vocabulary, pairs: list[tuple[str, str, float]]) -> float:
    space, left = vocabulary.including([one for one, _, _ in pairs] + [other for _, other, _ in pairs])
    rows, others = np.split(left, 2)
    cosines = (space.units[rows] * space.units[others]).sum(axis=1)
    return round(100 * float(spearmanr([score for _, _, score in pairs], cosines).statistic), 1)


def _senses(encoder: semsearch.Encoder) -> dict[str, float]:
    """Per cent of WiC's training pairs judged right by the best threshold on the cosine, layer by layer."""
    rows, same = wic_pairs()
    accuracies = {}
    for layer in range(1, encoder.spec.layer_count + 1):
        accuracies[str(layer)] = _best_threshold(wic_cosines(encoder, rows, layer), same)
        print("WiC", layer, accuracies[str(layer)], flush=True)
    return accuracies


def wic_pairs() -> tuple[list[list[str]], npt.NDArray[np.bool_]]:
    """WiC's training pairs (word, part of speech, its places, two sentences), and which have it in one sense."""
    rows = [line.split("\t") for line in (DATA / "wic/train.data.txt").read_text(encoding="utf-8").splitlines()]
    same = np.array([line == "T" for line in (DATA / "wic/train.gold.txt").read_text(encoding="utf-8").split()])
    return rows, same


def wic_cosines(encoder: semsearch.Encoder, rows: list[list[str]], layer: int) -> Float32:
    """Cosine of the word's vectors in the two sentences of each pair, float32[pairs]."""
    places = [tuple(map(int, row[2].split("-"))) for row in rows]
    vectors = [
        np.stack(
            [
                _word(found, row[3 + side], place[side])
                for found, row, place in zip(
                    encoder.encode_tokens([row[3 + side] for row in rows], layer), rows, places, strict=True
                )
            ]
        )
        for side in (0, 1)
    ]
    cosines: Float32 = (vectors[0] * vectors[1]).sum(axis=1)
    return cosines


def _word(found: TokenVectors, sentence: str, number: int) -> Float32:
    """Mean of the vectors of the pieces of a sentence's word, at length one."""
    start, end = _span(sentence, number)
    inside = [at for at, (first, last) in enumerate(found.tokens.offsets) if first < end and last > start]
    mean = found.vectors[inside].mean(axis=0)
    unit: Float32 = mean / np.linalg.norm(mean)
    return unit


def _span(sentence: str, number: int) -> Span:
    words = sentence.split(" ")
    start = sum(len(word) + 1 for word in words[:number])
    return start, start + len(words[number])


def _best_threshold(cosines: Any, same: Any) -> float:
    order = np.argsort(-cosines)
    right = np.cumsum(same[order]) + (~same).sum() - np.cumsum(~same[order])
    return round(100 * float(right.max()) / len(same), 1)
