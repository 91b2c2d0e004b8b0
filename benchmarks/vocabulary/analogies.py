"""Google's analogy questions (Mikolov et al. 2013): how many are answered, in which space, by which formula.

"Covered" are the questions whose four words are whole tokens. The answers are chosen among all whole-word
tokens and those words of the questions that are several pieces; words of a question are no answers to it.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import semsearch
from benchmarks.collections.peers import PYTHON
from benchmarks.reporting.corpora import DATA
from benchmarks.reporting.processes import median, run
from semsearch.common.arrays import Int64
from semsearch.common.documents import Formula
from semsearch.words.spaces import DEFAULT_SPACE, Space, Vocabulary
from semsearch.words.spaces.preparation import SpellingMap

PUBLISHED = {"GloVe, 300 dimensions, all questions (Pennington et al. 2014)": 71.7}
SPACES = ("static", "layer:1", "layer:2", "layer:3", "layer:4", "layer:5", "layer:6", DEFAULT_SPACE, "encoded")
ROUNDS = 3
FORMULAS = (Formula.COS_ADD, Formula.COS_MUL, Formula.PAIR_DIRECTION)


def measure() -> dict[str, Any]:
    encoder = semsearch.Encoder.load()
    questions = read_questions()
    figures: dict[str, Any] = {"questions": len(questions), "published": PUBLISHED, "spaces": {}, "preparations": {}}
    for name in SPACES:
        asked = Asked(Vocabulary(encoder, name), questions)
        figures["spaces"][name] = {formula.value: asked.shares(formula) for formula in FORMULAS}
        print(name, figures["spaces"][name], flush=True)
        if name == DEFAULT_SPACE:
            figures |= {"default": name, "words": len(asked.space), "covered": int(asked.covered.sum())}
            figures["sections"] = asked.sections()
            figures["3cosavg"] = asked.from_all_pairs()
    for label, options, mapped in (
        ("as they are", {"center": False, "drop": 0}, True),
        ("centred", {"drop": 0}, True),
        ("centred, 1 component removed", {"drop": 1}, True),
        ("centred, 3 components removed", {"drop": 3}, True),
        ("centred, 1 removed, pieces of words averaged and no more", {"drop": 1}, False),
    ):
        vocabulary = Vocabulary(encoder, **options)
        if not mapped:
            empty = np.empty((0, vocabulary.dimension), np.float32)
            vocabulary._spelling = SpellingMap.fit(empty, empty)
        figures["preparations"][label] = Asked(vocabulary, questions).shares(Formula.COS_ADD)
    figures["speed"] = _speed(encoder, questions)
    return figures


def read_questions() -> list[tuple[str, list[str]]]:
    """(section, four words in lower case) of every question."""
    section, found = "", []
    for line in (DATA / "words/questions-words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            section = line[2:].strip()
        else:
            found.append((section, line.lower().split()))
    return found


class Asked:
    """The questions as numbers of names of a space that has all of their words."""

    def __init__(self, vocabulary: Space, questions: list[tuple[str, list[str]]]) -> None:
        words = sorted({word for _, four in questions for word in four})
        self.space, rows = vocabulary.including(words)
        numbers = dict(zip(words, rows.tolist(), strict=True))
        self.names = np.array([section for section, _ in questions])
        self.rows = np.array([[numbers[word] for word in four] for _, four in questions])
        self.covered = (self.rows < len(vocabulary)).all(axis=1)

    def answers(self, formula: Formula, k: int = 5) -> Int64:
        """Numbers of the ``k`` best answers to each question."""
        return self.space.solve(self.rows[:, 1:3], self.rows[:, :1], k, formula)[1]

    def shares(self, formula: Formula) -> dict[str, float]:
        """Per cent right, and per cent with the right answer among five, of the covered and of all."""
        first, five = self._right(self.answers(formula), self.rows[:, 3])
        inside = self.space.solve(self.rows[:, 1:3], self.rows[:, :1], 1, formula, exclude=False)[1]
        return {
            "covered": _percent(first[self.covered]),
            "covered_top5": _percent(five[self.covered]),
            "all": _percent(first),
            "all_top5": _percent(five),
            "all_without_exclusion": _percent(inside[:, 0] == self.rows[:, 3]),
        }

    def sections(self) -> dict[str, dict[str, Any]]:
        """The same by section, for 3CosAdd."""
        first, five = self._right(self.answers(Formula.COS_ADD), self.rows[:, 3])
        table = {}
        for name in dict.fromkeys(self.names.tolist()):
            inside = self.names == name
            covered = inside & self.covered
            table[name] = {
                "questions": int(inside.sum()),
                "covered_questions": int(covered.sum()),
                "covered": _percent(first[covered]),
                "covered_top5": _percent(five[covered]),
                "all": _percent(first[inside]),
                "all_top5": _percent(five[inside]),
            }
        return table

    def from_all_pairs(self) -> dict[str, Any]:
        """3CosAvg: each pair of a section asked for with all the others that share no word as examples."""
        right, count = 0, 0
        for name in dict.fromkeys(self.names.tolist()):
            pairs = {tuple(pair) for row in self.rows[self.names == name] for pair in (row[:2], row[2:])}
            for left, answer in pairs:
                others = [pair for pair in pairs if left not in pair and answer not in pair]
                positive = np.array([[*(b for _, b in others), left]])
                negative = np.array([[a for a, _ in others]])
                right += int(self.space.solve(positive, negative, 1, Formula.COS_AVG)[1][0, 0] == answer)
                count += 1
        return {"pairs": count, "right": round(100 * right / count, 1)}

    def _right(self, found: Int64, truth: Int64) -> tuple[Any, Any]:
        return found[:, 0] == truth, (found == truth[:, None]).any(axis=1)


def _percent(flags: Any) -> float | None:
    return round(100 * float(np.mean(flags)), 1) if len(flags) else None


def _speed(encoder: semsearch.Encoder, questions: list[tuple[str, list[str]]]) -> dict[str, Any]:
    """All questions over all rows of the static table, in turn with gensim on the same vectors."""
    table = encoder.static_vectors()
    vocabulary = Vocabulary(encoder, "static", center=False, drop=0)
    words = sorted({word for _, four in questions for word in four})
    full, rows = vocabulary.including(words)
    others = [word for word in words if word not in vocabulary]
    places = dict(zip(words, rows.tolist(), strict=True))
    tokens = [f"token-{number}" for number in range(len(table))]
    for row, word in enumerate(vocabulary.names):
        tokens[vocabulary.tokens[row]] = word
    extra = full.vectors[[places[word] for word in others]]
    space = Space([*tokens, *others], np.concatenate([table, extra]))
    asked = Asked(space, questions)
    with tempfile.TemporaryDirectory() as scratch:
        np.save(f"{scratch}/vectors.npy", space.vectors)
        Path(scratch, "names.json").write_text(json.dumps(space.names), encoding="utf-8")
        lines = itertools.chain.from_iterable(_lines(questions))
        Path(scratch, "questions.txt").write_text("".join(lines), encoding="utf-8")
        ours, theirs, right = [], [], {}
        for _ in range(ROUNDS):
            if PYTHON.is_file():
                said = json.loads(
                    run(str(PYTHON), "-m", "benchmarks.vocabulary.gensim_script", scratch).output.splitlines()[-1]
                )
                theirs.append(said["seconds"])
                right = said["right"]
            started = time.perf_counter()
            found = asked.answers(Formula.COS_ADD, 1)[:, 0] == asked.rows[:, 3]
            ours.append(time.perf_counter() - started)
    figures: dict[str, Any] = {"names": len(space), "questions": len(questions), "semsearch_seconds": median(ours)}
    if theirs:
        same = np.mean([one == other for one, other in zip(found.tolist(), right, strict=True)])
        figures |= {"gensim_seconds": median(theirs), "ratio": round(median(theirs) / median(ours), 1)}
        figures["same_verdict"] = round(100 * float(same), 3)
    else:
        print("gensim is not installed in .venv-peers: run make bench for the ratio", file=sys.stderr)
    return figures


def _lines(questions: list[tuple[str, list[str]]]) -> Any:
    """The questions file again, in lower case."""
    for section, group in itertools.groupby(questions, key=lambda one: one[0]):
        yield f": {section}\n"
        yield from (" ".join(four) + "\n" for _, four in group)
