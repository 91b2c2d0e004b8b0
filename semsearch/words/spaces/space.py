"""A space: names with a vector each, and the questions that can be asked of it.

Everything is exact: cosines are matrix products over all names, in blocks of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arguments import check_k
from semsearch.common.arrays import Float32, Int64, limit_cosines, top, unit_length
from semsearch.common.documents import Formula
from semsearch.common.errors import InputError, QueryError
from semsearch.common.suggestions import suggest
from semsearch.common.threads import computed_once
from semsearch.words.spaces.formulas import FORMULAS, check_direction, check_formula
from semsearch.words.spaces.preparation import Preparation

__all__ = ["DEFAULT_FORMULA", "Answer", "Neighbour", "Space", "ranks_apart"]


DEFAULT_FORMULA = Formula.COS_MUL
"""Measured as good as 3CosAdd or better, and far better where a question's own words may answer (decision 008)."""


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
    """Ranks of the first ``k`` answers, and ``None`` for the question's own words among them.

    ``asked`` says of each candidate, best first, whether it is in the question. Candidates behind the last answer
    are left out.
    """
    places = [place for place, is_asked in enumerate(asked) if not is_asked][:k]
    ranks = {place: rank for rank, place in enumerate(places, 1)}
    return [ranks.get(place) for place in range(places[-1] + 1 if places else len(asked))]


SHOWN = 8
"""Names and numbers that a space shows of itself."""
BLOCK = 2**24
"""Cosines that are in memory at a time."""
CACHED = 2**17
"""Scores that are worked on at a time, few enough to stay in a processor's second-level cache."""


class Space:
    """``names`` and their ``vectors``, float32[n, d], which must not be changed; thread-safe."""

    def __init__(self, names: Sequence[str], vectors: npt.NDArray[np.floating[Any]]) -> None:
        self.names = tuple(names)
        self.vectors: Float32 = np.ascontiguousarray(vectors, dtype=np.float32)
        self._rows = {name: row for row, name in enumerate(self.names)}
        self.axis_names: tuple[str, ...] = ()
        """What each number of a vector is, if somebody has said so."""
        self._preparations: tuple[Preparation, ...] = ()
        _check(self.names, self.vectors, self._rows)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.names[:SHOWN]))
        more = ", …" if len(self) > SHOWN else ""
        return f"<{type(self).__name__} of {len(self):,} names with {self.dimension} numbers each: {shown}{more}>"

    def _repr_html_(self) -> str:
        """A table for notebooks: the first names, and the first numbers of each. All text is escaped."""
        from html import escape

        rows = "".join(
            f"<tr><th>{escape(name)}</th>{''.join(f'<td>{number:.3f}</td>' for number in vector[:SHOWN])}</tr>"
            for name, vector in zip(self.names[:SHOWN], self.vectors, strict=False)
        )
        axes = "".join(f"<th>{escape(name)}</th>" for name in self.axis_names[:SHOWN])
        head = f"<tr><th></th>{axes}</tr>" if axes else ""
        caption = f"{len(self):,} names with {self.dimension} numbers each"
        return f"<table><caption>{caption}</caption>{head}{rows}</table>"

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> Float32:
        """The vector of a name, float32[d]; raises ``QueryError`` for a name that is not there."""
        space, (row,) = self.including([name])
        vector: Float32 = space.vectors[row]
        return vector

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return int(self.vectors.shape[1])

    @computed_once
    def units(self) -> Float32:
        """The vectors at length one, float32[n, d]; a vector of zeros stays, and is near nothing."""
        return unit_length(self.vectors)

    def prepared(self, center: bool = True, drop: int = 0) -> Space:
        """This space after taking out its mean and its ``drop`` top principal components."""
        preparation = Preparation.fit(self.vectors, center, drop)
        space = Space(self.names, preparation.apply(self.vectors))
        space._preparations = (*self._preparations, preparation)
        return space

    def prepare(self, vectors: Float32) -> Float32:
        """Vectors from before this space was prepared, such as an encoder's, float32[m, d], as vectors of this space.

        Raises ``QueryError`` for another dimension.
        """
        self._check_shape(vectors)
        for preparation in self._preparations:
            vectors = preparation.apply(vectors)
        return vectors

    def including(self, names: Sequence[str]) -> tuple[Space, Int64]:
        """A space that has all of ``names``, and their rows in it. A plain space knows no others: it is this one.

        Raises a ``QueryError`` that suggests what was meant by a name that is not there.
        """
        for name in names:
            if name not in self._rows:
                advice = suggest(name, self.names, "check the spelling", count=3, likeness=0.7)
                raise QueryError(f"there is no {name!r} among {len(self):,} names; {advice}")
        return self, np.array([self._rows[name] for name in names], dtype=np.int64)

    def nearest(self, query: str | Float32, k: int = 10) -> list[Neighbour]:
        """The ``k`` names nearest by cosine to a vector, float32[d], or to a name, which itself is left out."""
        if isinstance(query, str):
            return self.answer([query], k=k, formula=Formula.COS_ADD)  # the cosine
        scores, rows = self.nearest_rows(np.asarray(query, dtype=np.float32)[None], k)
        return self._neighbours(scores[0], rows[0])

    def nearest_rows(self, vectors: Float32, k: int = 10) -> tuple[Float32, Int64]:
        """The ``k`` nearest to each of float32[m, d]: cosines float32[m, k] and numbers of names int64[m, k]."""
        k = check_k(k)
        self._check_shape(vectors)
        if not np.isfinite(vectors).all():
            raise QueryError("a vector holds NaN or infinity, which is near nothing; look where it comes from")
        units = unit_length(vectors)
        step = max(1, BLOCK // len(self))
        cosines, rows = _join(
            [top(units[at : at + step] @ self.units.T, min(k, len(self))) for at in range(0, len(units), step)]
        )
        return limit_cosines(cosines), rows

    def similarity(self, name: str, other: str) -> float:
        """Cosine of the vectors of two names."""
        space, rows = self.including([name, other])
        left, right = space.units[rows]
        return float(limit_cosines(left @ right))

    def odd_one_out(self, names: Sequence[str]) -> list[Neighbour]:
        """The names by their mean cosine with the others, the one that fits least first."""
        if len(set(names)) < 3:
            raise QueryError(
                f"the odd one out is chosen from three different words or more, not from {len(set(names))}"
            )
        distinct = list(dict.fromkeys(names))
        space, rows = self.including(distinct)
        units = space.units[rows]
        cosines = limit_cosines(units @ units.T)
        means = (cosines.sum(axis=1) - cosines.diagonal()) / (len(distinct) - 1)
        return _rank((distinct[number], means[number]) for number in np.argsort(means, kind="stable"))

    def analogy(
        self, a: str, b: str, c: str, k: int = 10, formula: Formula | str = DEFAULT_FORMULA, exclude: bool = True
    ) -> list[Neighbour]:
        """What is to ``c`` as ``b`` is to ``a``; see :meth:`answer`."""
        return self.answer([b, c], [a], k, formula, exclude)

    def answer(
        self,
        positive: Sequence[str],
        negative: Sequence[str] = (),
        k: int = 10,
        formula: Formula | str = DEFAULT_FORMULA,
        exclude: bool = True,
    ) -> list[Neighbour]:
        """The ``k`` names that score best between positive and negative names, best first.

        3CosAdd and 3CosMul take any numbers of both, pair direction the positives B, C and the negative A,
        and 3CosAvg the positives B₁ … Bₙ, C and the negatives A₁ … Aₙ. With ``exclude`` the names of the
        question are no answers, as is usual; without it they often are the best ones.
        """
        return self._answer(positive, negative, k, formula, exclude)[0]

    def answer_both(
        self,
        positive: Sequence[str],
        negative: Sequence[str] = (),
        k: int = 10,
        formula: Formula | str = DEFAULT_FORMULA,
    ) -> list[Answer]:
        """:meth:`answer` with and without the names of the question: the ``k`` others, and those ranked before."""
        k = check_k(k)
        words = len(positive) + len(negative)
        neighbours, question = self._answer(positive, negative, k + words, formula, exclude=False)
        ranks = ranks_apart([neighbour.name in question for neighbour in neighbours], k)
        return [
            Answer(rank, neighbour.rank, neighbour.name, neighbour.score)
            for rank, neighbour in zip(ranks, neighbours, strict=False)
        ]

    def _answer(
        self, positive: Sequence[str], negative: Sequence[str], k: int, formula: Formula | str, exclude: bool
    ) -> tuple[list[Neighbour], set[str]]:
        """The answers, and the names of the question as this space has them."""
        space, rows = self.including([*positive, *negative])
        split = len(positive)
        chosen = check_formula(formula, split, len(negative))
        check_direction(chosen, space.units[rows], split)
        scores, answers = space.solve(rows[None, :split], rows[None, split:], k, chosen, exclude)
        return space._neighbours(scores[0], answers[0]), {space.names[row] for row in rows}

    def solve(
        self,
        positive: Int64,
        negative: Int64,
        k: int = 1,
        formula: Formula | str = DEFAULT_FORMULA,
        exclude: bool = True,
    ) -> tuple[Float32, Int64]:
        """:meth:`answer` for m questions of one shape, given as numbers of names: int64[m, p] and int64[m, q].

        Scores float32[m, k] and numbers of names int64[m, k]; -1 where the question leaves fewer names.
        """
        k = check_k(k)
        chosen = check_formula(formula, positive.shape[1], negative.shape[1])
        k, step = min(k, len(self)), max(1, BLOCK // len(self))
        parts = [slice(at, at + step) for at in range(0, len(positive), step)]
        return _join([few for part in parts for few in self._solve(positive[part], negative[part], k, chosen, exclude)])

    def most_similar(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """:meth:`answer` by 3CosAdd under the name and in the form that gensim has it."""
        answers = self.answer(_as_list(positive), _as_list(negative), topn, Formula.COS_ADD)
        return [(answer.name, answer.score) for answer in answers]

    def most_similar_cosmul(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """:meth:`answer` by 3CosMul under the name and in the form that gensim has it."""
        answers = self.answer(_as_list(positive), _as_list(negative), topn, Formula.COS_MUL)
        return [(answer.name, answer.score) for answer in answers]

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The first of :meth:`odd_one_out` under gensim's name."""
        return self.odd_one_out(words)[0].name

    def _solve(
        self, positive: Int64, negative: Int64, k: int, formula: Formula, exclude: bool
    ) -> Iterator[tuple[Float32, Int64]]:
        """Compute the cosines of all words of these questions once, then answer a few questions at a time."""
        words = np.concatenate([positive, negative], axis=1)
        distinct, numbers = np.unique(words, return_inverse=True)
        numbers = numbers.reshape(words.shape)
        cosines = self.units[distinct] @ self.units.T
        among = cosines[:, distinct]
        step = max(1, CACHED // len(self))
        for at in range(0, len(words), step):
            few = slice(at, at + step)
            given = np.split(numbers[few], [positive.shape[1]], axis=1)
            scores = FORMULAS[formula](cosines, among, *given)
            if exclude:
                np.put_along_axis(scores, words[few], -np.inf, axis=1)
            best, rows = top(scores, k)
            if formula is not Formula.COS_MUL:
                best = limit_cosines(best)
            yield best, np.where(np.isneginf(best), -1, rows)

    def _neighbours(self, scores: Float32, rows: Int64) -> list[Neighbour]:
        return _rank((self.names[row], score) for row, score in zip(rows, scores, strict=True) if row >= 0)

    def _check_shape(self, vectors: Float32) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise QueryError(
                f"vectors of shape {vectors.shape} do not fit a space of {self.dimension} dimensions; "
                "name the space that they are from"
            )


def _join(blocks: list[tuple[Float32, Int64]]) -> tuple[Float32, Int64]:
    """Scores and numbers of names of all blocks; of none, both are empty."""
    if not blocks:
        return np.empty((0, 0), dtype=np.float32), np.empty((0, 0), dtype=np.int64)
    return np.concatenate([scores for scores, _ in blocks]), np.concatenate([rows for _, rows in blocks])


def _rank(scored: Iterable[tuple[str, Any]]) -> list[Neighbour]:
    return [Neighbour(rank, name, float(score)) for rank, (name, score) in enumerate(scored, 1)]


def _as_list(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _check(names: tuple[str, ...], vectors: Float32, rows: dict[str, int]) -> None:
    """Raise for what makes no space: no names, other numbers of names than of vectors, doubles, NaN."""
    if vectors.ndim != 2 or len(vectors) != len(names) or not vectors.size:
        raise InputError(
            f"{len(names):,} names and vectors of shape {vectors.shape} make no space; give a vector a name"
        )
    if len(rows) < len(names):
        double = next(name for row, name in enumerate(names) if rows[name] != row)
        raise InputError(f"the name {double!r} is there twice; give every vector a name of its own")
    broken = np.flatnonzero(~np.isfinite(vectors.sum(axis=1, dtype=np.float64)))
    if len(broken):
        raise InputError(f"the vector of {names[broken[0]]!r} holds NaN or infinity; leave it out or correct it")
