"""The front door: a collection that can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy.typing as npt

from semsearch.common.documents import Hit, Occurrence, PassageAnswer, Sense
from semsearch.query.dense import search_texts, search_vectors, similar, within
from semsearch.storage import Store
from semsearch.words.contexts import contexts, senses

if TYPE_CHECKING:
    from semsearch.words.spaces import Formula

__all__ = ["Collection"]


class Collection(Store):
    """A collection on disk that answers questions; get one from ``create`` or ``open``.

    Scores are cosines, or what the collection's metric makes of two vectors; higher is always nearer.
    ``exact`` compares the query with every vector instead of asking the index.
    """

    def search(self, text: str, k: int = 10, *, exact: bool = False) -> list[Hit]:
        """The ``k`` passages nearest in meaning to ``text``, best first."""
        return search_texts(self, [text], k, exact)[0]

    def search_many(self, texts: Sequence[str], k: int = 10, *, exact: bool = False) -> list[list[Hit]]:
        """As :meth:`search` for each of several texts, which is much faster than one after the other."""
        return search_texts(self, texts, k, exact)

    def search_vectors(self, vectors: npt.ArrayLike, k: int = 10, *, exact: bool = False) -> list[list[Hit]]:
        """The ``k`` passages nearest to each vector, numbers[m, dimension], or to the only one, numbers[dimension].

        Raises :class:`QueryError` for NaN, another dimension, or for a cosine zeros.
        """
        return search_vectors(self, vectors, k, exact)

    def within(self, text: str, score: float) -> list[Hit]:
        """All passages that score ``score`` or more against ``text``, best first."""
        return within(self, text, score)

    def similar(self, document: str, k: int = 10) -> list[Hit]:
        """The ``k`` other documents nearest to the stored document of this id, best first."""
        return similar(self, document, k)

    def analogy(
        self, positive: Sequence[str], negative: Sequence[str] = (), k: int = 10, formula: Formula | str = "3cosadd"
    ) -> list[PassageAnswer]:
        """The ``k`` passages that score best between positive and negative texts, best first.

        "A is to B as C is to …" has the positives B, C and the negative A; formulas take what they take in
        :meth:`Space.answer`, and scores are theirs, of cosines whatever the metric. A passage that is a text of the
        question is no answer: it has no rank, and is there if it comes before the last answer.
        """
        from semsearch.query.analogy import analogy  # brings all of the tokens along, which a search does without

        return analogy(self, positive, negative, k, formula)

    def contexts(
        self, word: str, sentence: str | None = None, k: int = 10, *, same_word: bool = False
    ) -> list[Occurrence]:
        """The ``k`` occurrences of ``word`` nearest to it in the sense that it has in ``sentence``, best first.

        The score is the cosine of the last layer's vectors, less the mean of all occurrences: above 0 is on the side
        of the sentence. Without a sentence they are compared with the word by itself.

        A collection made with ``tokens`` is asked for the nearest occurrences of any word, by the cosine alone,
        unless they must be of the ``same_word``.

        ``word`` is one word or several, whatever their case. Of a frequent one a sample of the passages is encoded,
        of which a :class:`SampleWarning` tells. Raises :class:`QueryError` if the sentence or the collection has no
        such word.
        """
        return contexts(self, word, sentence, k, same_word)

    def senses(self, word: str, k: int = 3) -> list[Sense]:
        """The occurrences of ``word`` in groups of like contexts, the largest first, with the ``k`` most central.

        What is looked at is what :meth:`contexts` looks at; the errors are the same.
        """
        return senses(self, word, k)
