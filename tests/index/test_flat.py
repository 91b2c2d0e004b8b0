"""The exact index against brute force."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.index import FlatIndex, bitmap

K = (1, 10, 500)


def rows(count, dimension, seed=0):
    """Random vectors of length 1, as float16 holds them."""
    found = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found.astype(np.float16).astype(np.float32)


def check(found, queries, matrix, k, allowed):
    """Compare (scores, ids) with the k best of the allowed rows; rows of equal score may change places."""
    scores, ids = found
    assert scores.shape == ids.shape == (len(queries), k)
    truth = queries.astype(np.float64) @ matrix.astype(np.float64).T
    count = min(k, len(allowed))
    assert (ids[:, count:] == -1).all()
    for query, (got, hits) in enumerate(zip(scores[:, :count], ids[:, :count], strict=True)):
        assert len(set(hits.tolist())) == count
        assert set(hits.tolist()) <= set(allowed)
        np.testing.assert_allclose(got, truth[query, hits], atol=1e-5)
        np.testing.assert_allclose(got, np.sort(truth[query, allowed])[::-1][:count], atol=1e-5)


@pytest.mark.parametrize("dimension", [1, 3, 8, 384, 385])
@pytest.mark.parametrize("k", K)
def test_finds_what_brute_force_finds(dimension, k):
    """Ids and scores are those of all inner products, sorted, whatever the blocks the rows came in."""
    matrix, queries = rows(203, dimension), rows(7, dimension, seed=1)
    index = FlatIndex.build(dimension, len(matrix), [matrix[:100], matrix[100:101], matrix[101:101], matrix[101:]])
    assert index.rows == 203
    check(index.search(queries, k), queries, matrix, k, list(range(203)))


@pytest.mark.parametrize("k", K)
def test_an_empty_index_finds_nothing(k):
    """Without rows every id is -1."""
    index = FlatIndex.build(8, 0, ())
    assert index.rows == 0
    check(index.search(rows(2, 8), k), rows(2, 8), np.empty((0, 8), np.float32), k, [])


@given(st.data(), st.integers(1, 70), st.integers(1, 80), st.sampled_from([1, 3, 16]))
@settings(deadline=None)
def test_a_filter_is_never_broken_and_never_makes_a_result_short(data, count, k, dimension):
    """From none to all of the rows allowed there are min(k, allowed) hits, and all of them are allowed."""
    hidden = data.draw(st.sets(st.integers(0, count - 1)) | st.just(set(range(count))) | st.just(set()))
    matrix, queries = rows(count, dimension, seed=count), rows(2, dimension, seed=1)
    index = FlatIndex.build(dimension, len(matrix), [matrix])
    allowed = bitmap(count, np.array(sorted(hidden), dtype=np.int64))
    check(index.search(queries, k, allowed), queries, matrix, k, sorted(set(range(count)) - hidden))


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_a_bitmap_has_a_bit_for_every_row(count, without):
    """Bit ``row % 8`` of byte ``row // 8`` is set unless the row is left out; spare bits are not."""
    without = {row for row in without if row < count}
    bits = bitmap(count, np.array(sorted(without), dtype=np.int64))
    assert len(bits) == -(-count // 8)
    assert {row for row in range(8 * len(bits)) if bits[row // 8] >> row % 8 & 1} == set(range(count)) - without


@pytest.mark.parametrize(("count", "dimension"), [(0, 8), (1, 1), (90, 385)])
def test_what_is_written_is_read_back(tmp_path, count, dimension):
    """An index read from its file gives the same scores and ids, and the checksum is that of the file."""
    matrix, queries = rows(count, dimension), rows(3, dimension, seed=1)
    index = FlatIndex.build(dimension, len(matrix), [matrix])
    sha256 = index.write(tmp_path / "a.faiss")
    assert sha256 == hashlib.sha256((tmp_path / "a.faiss").read_bytes()).hexdigest()
    assert [file.name for file in tmp_path.iterdir()] == ["a.faiss"]
    again = FlatIndex.read(tmp_path / "a.faiss", sha256)
    assert again.rows == count
    for one, other in zip(index.search(queries, 10), again.search(queries, 10), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def written():
    """The bytes of an index file, and their checksum."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.faiss")
        sha256 = FlatIndex.build(16, 30, [rows(30, 16)]).write(path)
        return path.read_bytes(), sha256


@pytest.mark.parametrize("place", [0, 4, 0.25, 0.5, 0.75, -1])
def test_a_flipped_byte_is_noticed(written, tmp_path, place):
    """One changed byte anywhere, and the file is not used."""
    content, sha256 = bytearray(written[0]), written[1]
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 1
    (tmp_path / "a.faiss").write_bytes(content)
    assert FlatIndex.read(tmp_path / "a.faiss", sha256) is None


@pytest.mark.parametrize("length", [0, 1, 20, -1])
def test_a_truncated_file_is_noticed(written, tmp_path, length):
    """A file that ends early is not used."""
    (tmp_path / "a.faiss").write_bytes(written[0][:length])
    assert FlatIndex.read(tmp_path / "a.faiss", written[1]) is None


def test_a_missing_file_is_no_index(written, tmp_path):
    """Neither a missing file nor a folder in its place is used."""
    (tmp_path / "b.faiss").mkdir()
    assert FlatIndex.read(tmp_path / "a.faiss", written[1]) is None
    assert FlatIndex.read(tmp_path / "b.faiss", written[1]) is None


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    """When the disk is full the file that was there stays as it was, and nothing is left beside it."""
    index = FlatIndex.build(16, 30, [rows(30, 16)])
    sha256 = index.write(tmp_path / "a.faiss")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        FlatIndex.build(16, 60, [rows(60, 16)]).write(tmp_path / "a.faiss")
    assert [file.name for file in tmp_path.iterdir()] == ["a.faiss"]
    assert FlatIndex.read(tmp_path / "a.faiss", sha256).rows == 30
