"""Analogy formulas, on cosines alone: nothing here needs the vectors themselves.

Every formula scores all n names of a space for m questions at once. It gets ``cosines``, float32[w, n], of
the w words that the questions are made of with every name, ``among``, float32[w, w], of these words with
each other, and the questions as numbers of words: ``positive`` int64[m, p] and ``negative`` int64[m, q].
"A is to B as C is to …" has the positives B, C and the negative A. It gives float32[m, n].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from semsearch.common.arrays import Float32, Int64
from semsearch.common.documents import Formula
from semsearch.common.errors import QueryError

__all__ = ["FORMULAS", "SUMS", "Scorer", "check_direction", "check_formula", "sum_weights"]

DIVISION_GUARD = 1e-6
"""Keeps 3CosMul from dividing by zero; gensim's choice, Levy and Goldberg have 1e-3."""
SAME = 1e-6
"""Squared distances below this are rounding: there is no direction between two such points."""

Scorer = Callable[[Float32, Float32, Int64, Int64], Float32]


SUMS = frozenset({Formula.COS_ADD, Formula.COS_AVG})
"""Formulas that are the cosine with one vector, a weighted sum of the question's."""


def check_formula(formula: Formula | str, positives: int, negatives: int) -> Formula:
    """The formula of a name; raises :class:`QueryError` unless it takes so many positives and negatives."""
    try:
        chosen = Formula(formula)
    except ValueError:
        raise QueryError(f"unknown formula {str(formula)!r}; choose one of {', '.join(Formula)}") from None
    if not positives:
        raise QueryError("an analogy needs at least one positive word or text; give one")
    if chosen is Formula.PAIR_DIRECTION and (positives, negatives) != (2, 1):
        raise QueryError("pair-direction takes one analogy, A is to B as C, and no further words; use 3cosadd for more")
    if chosen is Formula.COS_AVG and not positives == negatives + 1 > 1:
        raise QueryError("3cosavg takes pairs and one word; use 3cosadd for other positive and negative words")
    return chosen


def check_direction(formula: Formula, units: Float32, positives: int) -> None:
    """Raise :class:`QueryError` for a question with no direction to look in; its words are float32[p + q, d] long 1."""
    if formula is Formula.PAIR_DIRECTION:
        b, _, a = units
        if ((b - a) ** 2).sum() <= SAME:
            raise QueryError("A and B have the same vector, so no direction leads from one to the other; give others")
    elif formula in SUMS and units.any():  # vectors of zeros are near nothing
        total = sum_weights(formula, positives, len(units) - positives) @ units
        if (total**2).sum() <= SAME:
            raise QueryError("the positive and the negative words or texts cancel each other out; give others")


def sum_weights(formula: Formula, positives: int, negatives: int) -> Float32:
    """What each positive, then each negative is multiplied with in the sum of one of ``SUMS``: float32[p + q]."""
    weights = np.ones(positives + negatives, dtype=np.float32)
    if formula is Formula.COS_AVG:
        weights /= negatives
        weights[negatives] = 1  # the last positive, which is of no pair
    weights[positives:] *= -1
    return weights


def cos_add(cosines: Float32, among: Float32, positive: Int64, negative: Int64) -> Float32:
    """3CosAdd: cosine with the sum of the positives less the negatives (Mikolov et al. 2013, NAACL)."""
    return _cosine_with_sum(cosines, among, positive, negative, Formula.COS_ADD)


def cos_avg(cosines: Float32, among: Float32, positive: Int64, negative: Int64) -> Float32:
    """3CosAvg: the mean offset of several pairs is added to the last positive (Drozd et al. 2016, COLING)."""
    return _cosine_with_sum(cosines, among, positive, negative, Formula.COS_AVG)


def cos_mul(cosines: Float32, _: Float32, positive: Int64, negative: Int64) -> Float32:
    """3CosMul: product of the similarities to positives over that to negatives (Levy & Goldberg 2014, CoNLL)."""
    scores = _product(cosines, positive)
    if negative.shape[1]:
        scores /= _product(cosines, negative) + np.float32(DIVISION_GUARD)
    return scores


def pair_direction(cosines: Float32, among: Float32, positive: Int64, negative: Int64) -> Float32:
    """Cosine of the offset from C with the offset from A to B (PairDirection of Levy & Goldberg 2014).

    A name with the same vector as C has no direction from C, and scores 0.
    """
    (b, c), (a,) = positive.T, negative.T
    along = cosines[b] - cosines[a] - (among[b, c] - among[a, c])[:, None]
    squares = (2 - 2 * cosines[c]) * np.maximum(2 - 2 * among[a, b], 0)[:, None]
    scores: Float32 = np.where(squares > SAME, along / np.sqrt(np.maximum(squares, SAME)), np.float32(0))
    return scores


def _product(cosines: Float32, words: Int64) -> Float32:
    """Product of each question's words' cosines, moved from -1 … 1 to 0 … 1."""
    product: Float32 = np.ones((len(words), cosines.shape[1]), dtype=np.float32)
    for column in words.T:
        product *= (cosines[column] + 1) / 2
    return product


def _cosine_with_sum(cosines: Float32, among: Float32, positive: Int64, negative: Int64, formula: Formula) -> Float32:
    words = np.concatenate([positive, negative], axis=1)
    signed = sum_weights(formula, positive.shape[1], negative.shape[1])
    squares = np.einsum("i,j,mij->m", signed, signed, among[words[:, :, None], words[:, None, :]])
    signed_rows = signed / np.sqrt(np.maximum(squares, SAME))[:, None]
    scores: Float32 = cosines[words[:, 0]] * signed_rows[:, :1]
    for number in range(1, words.shape[1]):
        scores += cosines[words[:, number]] * signed_rows[:, number : number + 1]
    return scores


FORMULAS: dict[Formula, Scorer] = {
    Formula.COS_ADD: cos_add,
    Formula.COS_MUL: cos_mul,
    Formula.PAIR_DIRECTION: pair_direction,
    Formula.COS_AVG: cos_avg,
}
