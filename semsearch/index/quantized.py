"""The index that the program chooses for inner products: lists of short codes that estimate scores well.

What comes out is a FAISS index like any other, a ``NormalizationTransform`` and a ``LinearTransform`` of queries before
an ``IndexIVFPQFastScan``, which FAISS writes, reads and searches as it is. It is trained and filled here, as three
things are other than FAISS does them:

- A code says how a vector differs from the centroid of its list. A codeword is a mean of such differences, and
  therefore shorter than they are. Plain scores count the centroid in full and the difference by two thirds. Queries
  are therefore compared with longer codewords than the vectors were.
- How wrong the score of a row is in the direction of the row itself is known when it is coded, and matters for all
  queries that it is a neighbour of. One more code holds it; what a query has in its place never changes.
- Rotated at random, all groups of components look alike. They share a codebook, trained on the values of all.

Sources: Jégou et al. 2011, "Product Quantization for Nearest Neighbor Search"; Guo et al. 2020, "Accelerating
Large-Scale Inference with Anisotropic Vector Quantization", on the direction of errors; Gao and Long 2024, "RaBitQ",
who divide by what is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from semsearch.common.arrays import Float32, Int64
from semsearch.common.threads import run

__all__ = ["Shape", "build_quantized"]

BLOCK_CODES = 64
"""Rows in a block of FastScan."""
BITS, VALUES = 4, 16
"""Of a code."""
LIST_ITERATIONS = 10
CODEBOOK_VALUES = 65_536
"""Groups of components that codewords are the means of."""
ASKED, NEIGHBOURS = 512, 10
"""What a neighbour scores is told by some rows of the sample, and what they score with the last of so many neighbours,
as far as these are in the sample."""
EXTRA = 2
"""Numbers that the last groups hold beside components: the correction, and 1."""
TINY = 1e-12

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shape:
    """The layout of an index: ``lists`` lists, and for each vector ``codes`` codes of four bits, each for ``size``
    principal components.
    """

    dimension: int
    lists: int
    codes: int
    size: int

    @property
    def components(self) -> int:
        """Principal components that are kept."""
        return self.codes * self.size

    @property
    def all_codes(self) -> int:
        """Number of codes, including those of the correction and of the constant 1."""
        return self.codes + -(-EXTRA // self.size)


def build_quantized(
    shape: Shape, sample: Callable[[], Float32], rows: int, blocks: Sequence[Callable[[], Float32]], threads: int
) -> Any:
    """A FAISS index for inner products, trained on a sample of the ``rows`` rows; all queries count as of length 1.

    What ``sample`` and each of ``blocks`` return is float32[n, dimension], the sample to be changed; the blocks are
    all rows. Scores that the index gives are about those of the rows, and can be compared with those of others.
    """
    coder = _Coder(shape, sample, rows, threads)
    coded = run([partial(coder.code_block, block) for block in blocks], threads)
    return coder.index(coded)


class _Coder:
    """What is learned from a sample: the mean, the rotation, the lists and the codebook.

    Below, ``inside`` are vectors less their mean, turned, and reduced to the components that are kept.
    """

    def __init__(self, shape: Shape, read_sample: Callable[[], Float32], rows: int, threads: int) -> None:
        self._shape = shape
        sample = read_sample()
        self._scale = np.float32(1 / max(np.sqrt(_squares(sample).mean()), TINY))  # as queries are of length 1
        sample *= self._scale
        self._mean = sample.mean(axis=0)
        self._rotation = _fit_principal_directions(sample - self._mean, shape.components)
        self._transform = _make_linear_transform(self._rotation, -self._rotation @ self._mean)
        inside = self._transform.apply(sample)
        self._lists = _train_lists(inside, shape.lists, threads)
        self._centroids = self._lists.reconstruct_n(0, shape.lists)
        rest = inside - self._centroids[self._lists.search(inside, 1)[1][:, 0]]
        self._codebook = _codebook(rest, shape)
        short = self._codebook.decode(self._codebook.compute_codes(rest))
        self._codeword_scale = np.float32(_squares(rest).sum() / max(np.vdot(rest, short), TINY))
        self._neighbour_score = _neighbour_score(sample, self._mean, rows)
        corrections = self._corrections(sample, self._approximate(inside)[2])
        self._levels = np.quantile(corrections, (np.arange(VALUES) + 0.5) / VALUES).astype(np.float32)

    def code_block(self, block: Callable[[], Float32]) -> tuple[Int64, UInt8]:
        """The list of each vector, int64[n], and its code, uint8[n, bytes]."""
        import faiss

        faiss.omp_set_num_threads(1)
        vectors = block() * self._scale
        chosen, codes, products = self._approximate(self._transform.apply(vectors))
        borders = (self._levels[1:] + self._levels[:-1]) / 2
        values = np.searchsorted(borders, self._corrections(vectors, products)).astype(np.uint8)
        byte, half = divmod(self._shape.codes, 2)  # two codes in a byte, the first one in its lower half
        complete = np.zeros((len(codes), -(-self._shape.all_codes // 2)), np.uint8)
        complete[:, : codes.shape[1]] = codes
        complete[:, byte] |= values << (BITS * half)
        return chosen, complete

    def _approximate(self, inside: Float32) -> tuple[Int64, UInt8, Float32]:
        """Lists, codes, and the inner product of each vector with what these two stand for."""
        products, chosen = (column[:, 0] for column in self._lists.search(inside, 1))
        codes = self._codebook.compute_codes(inside - self._centroids[chosen])
        return (
            chosen,
            codes,
            products + self._codeword_scale * np.einsum("nd,nd->n", inside, self._codebook.decode(codes)),
        )

    def _corrections(self, vectors: Float32, products: Float32) -> Float32:
        """What is added to the score that a code gives, for a query that has the vector for a neighbour.

        Take a query q, a vector x and the mean m. A code gives (q - m)y, where y stands for x - m. The true score is
        qx = (q - m)(x - m) + mx + qm - mm; its last two terms are the same for all vectors. The part of q - m along
        x - m is known if the query scores there as neighbours do. The part across it is not known.
        """
        with_mean = np.einsum("nd,d->n", vectors, self._mean)  # in this thread, unlike a matrix product
        squares = np.maximum(_squares(vectors) - 2 * with_mean + self._mean @ self._mean, TINY)
        longest = np.sqrt(squares)  # more does not fit into a query of length 1
        along = np.clip(self._neighbour_score - with_mean, -longest, longest) / squares
        corrections: Float32 = with_mean + along * (squares - products)
        return corrections

    def index(self, coded: list[tuple[Int64, UInt8]]) -> Any:
        """The FAISS index of coded vectors, numbered as they come, with scores as long as the vectors were.

        It takes over what is ``coded``: of a million rows each copy has 40 MB.
        """
        import faiss

        inner = self._fill_lists(coded)
        index = faiss.IndexPreTransform(self._make_query_transform(), faiss.IndexIVFPQFastScan(inner, BLOCK_CODES))
        index.prepend_transform(faiss.NormalizationTransform(self._shape.dimension, 2.0))
        return index

    def _fill_lists(self, coded: list[tuple[Int64, UInt8]]) -> Any:
        """The inverted file without FastScan's layout."""
        import faiss

        chosen, codes = (np.concatenate(parts) for parts in zip(*coded, strict=True))
        coded.clear()
        shape, wide = self._shape, self._shape.all_codes * self._shape.size
        coarse = faiss.IndexFlatIP(wide)
        coarse.add(np.pad(self._centroids / self._scale, ((0, 0), (0, wide - shape.components))))
        inner = faiss.IndexIVFPQ(coarse, wide, shape.lists, shape.all_codes, BITS, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(self._codewords().ravel() / self._scale, inner.pq.centroids)
        by_list = np.argsort(chosen, kind="stable")
        borders = np.searchsorted(chosen[by_list], np.arange(1, shape.lists))
        for number, members in enumerate(np.split(by_list, borders)):
            own = np.ascontiguousarray(codes[members])
            inner.invlists.add_entries(number, len(members), faiss.swig_ptr(members), faiss.swig_ptr(own))
        inner.ntotal, inner.is_trained = len(chosen), True
        return inner

    def _codewords(self) -> Float32:
        """What codes stand for when queries are compared with them, float32[codes, values, size]."""
        import faiss

        shape = self._shape
        codewords = np.zeros((shape.all_codes, VALUES, shape.size), np.float32)
        short = faiss.vector_to_array(self._codebook.centroids).reshape(shape.codes, VALUES, shape.size)
        codewords[: shape.codes] = self._codeword_scale * short
        group, place = divmod(shape.components + 1, shape.size)
        codewords[shape.codes, :, 0], codewords[group, :, place] = self._levels, 1
        return codewords

    def _make_query_transform(self) -> Any:
        """The transform of queries: centre and rotate, then 1 for the correction, and qm - mm for the constant 1."""
        shape, wide = self._shape, self._shape.all_codes * self._shape.size
        turned, offset = np.zeros((wide, shape.dimension), np.float32), np.zeros(wide, np.float32)
        turned[: shape.components], offset[: shape.components] = self._rotation, -self._rotation @ self._mean
        offset[shape.components] = 1
        turned[shape.components + 1], offset[shape.components + 1] = self._mean, -self._mean @ self._mean
        return _make_linear_transform(turned, offset)


def _squares(vectors: Float32) -> Float32:
    squares: Float32 = np.einsum("nd,nd->n", vectors, vectors)
    return squares


def _fit_principal_directions(centred: Float32, components: int) -> Float32:
    """The directions in which vectors differ most, float32[components, dimension], rotated at random."""
    _, directions = np.linalg.eigh(centred.T @ centred)
    random = np.random.default_rng(0).standard_normal((components, components))
    return np.asarray(np.linalg.qr(random)[0] @ directions[:, : -components - 1 : -1].T, np.float32)


def _make_linear_transform(matrix: Float32, offset: Float32) -> Any:
    import faiss

    transform = faiss.LinearTransform(matrix.shape[1], matrix.shape[0], True)
    faiss.copy_array_to_vector(np.ascontiguousarray(matrix).ravel(), transform.A)
    faiss.copy_array_to_vector(offset, transform.b)
    transform.is_trained = True
    return transform


def _train_lists(inside: Float32, lists: int, threads: int) -> Any:
    """A FAISS index of the centroids of spherical k-means, as long as vectors are in their direction."""
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(inside.shape[1])
    clustering = faiss.Clustering(inside.shape[1], lists)
    clustering.niter, clustering.spherical, clustering.min_points_per_centroid = LIST_ITERATIONS, True, 1
    clustering.train(inside, index)
    centroids = faiss.vector_to_array(clustering.centroids).reshape(lists, -1)
    length = index.search(inside, 1)[0].mean()
    index.reset()
    index.add(length * centroids)
    return index


def _codebook(rest: Float32, shape: Shape) -> Any:
    import faiss

    faiss.omp_set_num_threads(1)  # many small steps, which cost more to divide than to do
    quantizer = faiss.ProductQuantizer(shape.components, shape.codes, BITS)
    quantizer.train_type = faiss.ProductQuantizer.Train_shared
    quantizer.cp.min_points_per_centroid, quantizer.cp.max_points_per_centroid = 1, CODEBOOK_VALUES // VALUES
    quantizer.train(rest)
    return quantizer


def _neighbour_score(sample: Float32, mean: Float32, rows: int) -> float:
    """What neighbours score with queries of length 1, less what these have in common with the mean.

    Of few rows in many the sample has no ten neighbours; the nearest in it must do. The first row that is found is the
    query itself, or as long as it.
    """
    import faiss

    queries: Float32 = sample[:: -(-len(sample) // ASKED)]
    queries = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), TINY).astype(np.float32)
    rank = 1 + max(1, round(NEIGHBOURS * len(sample) / max(rows, 1)))
    scores, _ = faiss.knn(queries, sample, min(rank, len(sample)), metric=faiss.METRIC_INNER_PRODUCT)
    return float(np.median(scores[:, -1] - queries @ mean) + mean @ mean)
