"""Senses: which hidden layer ranks a word's occurrences best by what they mean, in Words in Context and in novels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

import semsearch
from benchmarks.reporting.corpora import novel_sentences
from benchmarks.vocabulary.words import wic_cosines, wic_pairs
from semsearch.common.arrays import Float32, unit_length
from semsearch.encoder.words import word_vectors, words_of
from semsearch.words.contexts.occurrences import mean_direction
from semsearch.words.contexts.phrases import Phrase

SENTENCES = 400
CLUES = {
    "bank": ("river stream water grass steep sand mud moss slope brook", "money cheque clerk account pounds manager"),
    "bark": ("dog hound puppy growl", "tree birch oak trunk canoe branch"),
    "club": ("blow weapon struck stick beat head brandished", "member dinner dined committee gentlemen whist"),
    "court": ("judge law trial jury justice", "king queen prince duke majesty royal", "yard gate paved fountain wall"),
    "fair": ("hair complexion blonde skin eyes", "unfair only play"),
    "match": ("lit struck cigar pipe candle lamp", "cricket play game race won", "marriage marry married husband wife"),
    "party": (
        "whig tory liberal political radical",
        "dinner evening tea invited guests",
        "search camp indians horsemen",
    ),
    "ring": ("finger diamond gold wedding jewel ruby", "bell telephone", "horses circus fight"),
    "spring": ("summer autumn winter april season early", "water drink well source fountain", "leap up upon"),
}
"""Words whose sense other words of the sentence tell; a sentence with clues to two senses, or none, is left out."""


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    layers = range(1, encoder.spec.layer_count + 1)
    labelled = {word: _labelled(word, sentences) for word, sentences in _sentences().items()}
    figures: dict[str, Any] = {"sentences": sum(len(texts) for texts, _ in labelled.values()), "layers": {}}
    for layer in layers:
        found = [(_vectors(encoder, word, texts, layer), labels) for word, (texts, labels) in labelled.items() if texts]
        figures["layers"][str(layer)] = {
            "wic": _ranked_pairs(encoder, layer),
            "novels": _mean([_average_precision(vectors, labels) for vectors, labels in found]),
            "novels_without_mean": _mean([_average_precision(_less_mean(one), labels) for one, labels in found]),
        }
        print(layer, figures["layers"][str(layer)], flush=True)
    return figures


def _sentences() -> dict[str, list[str]]:
    pattern = re.compile(rf"\b({'|'.join(CLUES)})\b", re.IGNORECASE)
    found: dict[str, list[str]] = {word: [] for word in CLUES}
    for sentence in novel_sentences(10**7):
        for word in {word.lower() for word in pattern.findall(sentence)}:
            if len(found[word]) < SENTENCES and sentence not in found[word]:
                found[word].append(sentence)
    return found


def _labelled(word: str, sentences: list[str]) -> tuple[list[str], npt.NDArray[Any]]:
    chosen, labels = [], []
    for sentence in sentences:
        there = set(re.findall(r"\w+", sentence.lower()))
        senses = [number for number, clues in enumerate(CLUES[word]) if there & set(clues.split())]
        if len(senses) == 1:
            chosen.append(sentence)
            labels.append(senses[0])
    return chosen, np.array(labels)


def _vectors(encoder: semsearch.Encoder, word: str, texts: list[str], layer: int) -> Float32:
    """The word's vector at its first occurrence in each text."""
    phrase, rows = Phrase.read(word, encoder), []
    for text, found in zip(texts, encoder.encode_tokens(texts, layer), strict=True):
        words = words_of(text, found.tokens)
        first, *_ = phrase.places(text, [one.span for one in words])
        rows.append(mean_direction(word_vectors(words, found)[first]))
    return np.stack(rows)


def _less_mean(vectors: Float32) -> Float32:
    return unit_length(vectors - vectors.mean(axis=0))


def _average_precision(vectors: Float32, labels: npt.NDArray[Any]) -> float:
    """Mean average precision of each occurrence asking for the others of its sense; all senses count alike."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1)[:, :-1]
    same = labels[order] == labels[:, None]
    precision = np.cumsum(same, axis=1) / np.arange(1, len(labels))
    means = (precision * same).sum(axis=1) / np.maximum(same.sum(axis=1), 1)
    return float(np.mean([means[labels == label].mean() for label in np.unique(labels)]))


def _ranked_pairs(encoder: semsearch.Encoder, layer: int) -> float:
    """Per cent of two WiC pairs of one word, one with the same sense, one without, whose cosines are in this order."""
    rows, same = wic_pairs()
    cosines = wic_cosines(encoder, rows, layer)
    words = np.array([row[0] for row in rows])
    right = [cosines[(words == word) & same][:, None] > cosines[(words == word) & ~same] for word in set(words)]
    return round(100 * sum(int(one.sum()) for one in right) / sum(one.size for one in right), 1)


def _mean(values: list[float]) -> float:
    return round(100 * sum(values) / len(values), 1)
