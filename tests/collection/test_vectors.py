"""The vector file: what is read is what was written, or an error."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from semsearch.collection import vectors as module
from semsearch.collection.vectors import VectorFile
from semsearch.errors import DamagedError

DIMENSIONS = (1, 2, 3, 8, 385)


def random(count, dimension, seed=0):
    """Vectors that float16 holds exactly."""
    found = np.random.default_rng(seed).standard_normal((count, dimension))
    return found.astype(np.float16).astype(np.float32)


@pytest.fixture(params=DIMENSIONS)
def file(request, tmp_path):
    """An empty vector file."""
    found = VectorFile(tmp_path / "vectors-0.f16", request.param)
    found.create()
    return found


def test_the_layout_is_as_documented(file):
    """A row is its float16 values, zeros up to a multiple of four bytes, and a CRC-32 started with its number."""
    matrix = random(5, file.dimension)
    checksum = file.append(0, matrix)
    content = file.path.read_bytes()
    expected = b""
    for number, row in enumerate(matrix):
        values = row.astype("<f2").tobytes()
        values += b"\0" * (-len(values) % 4)
        expected += values + zlib.crc32(values, number).to_bytes(4, "little")
    assert content == expected
    assert checksum == zlib.crc32(content)


def test_appended_rows_are_read_back(file, monkeypatch):
    """Rows of several appends come back in order by blocks, and in any order by take."""
    monkeypatch.setattr(module, "BLOCK_ROWS", 4)
    matrix = random(11, file.dimension)
    file.append(0, matrix[:3])
    file.append(3, matrix[3:4])
    file.append(4, matrix[4:])
    blocks = list(file.blocks(0, 11))
    assert [len(block) for block in blocks] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(blocks), matrix)
    np.testing.assert_array_equal(np.concatenate(list(file.blocks(2, 9))), matrix[2:9])
    ids = np.array([10, 0, 4, 4], dtype=np.int64)
    np.testing.assert_array_equal(file.take(11, ids), matrix[ids])
    assert all(block.dtype == np.float32 and block.flags["C_CONTIGUOUS"] for block in blocks)
    assert not list(file.blocks(0, 0))


def test_rubbish_behind_the_committed_rows_is_overwritten(file):
    """What an interrupted write left behind is gone after the next append."""
    matrix = random(6, file.dimension)
    file.append(0, matrix[:2])
    size = file.path.stat().st_size
    with file.path.open("ab") as rubbish:
        rubbish.write(b"\xff" * 10_000)
    np.testing.assert_array_equal(file.take(2, np.arange(2)), matrix[:2])
    file.append(2, matrix[2:])
    assert file.path.stat().st_size == 3 * size
    np.testing.assert_array_equal(np.concatenate(list(file.blocks(0, 6))), matrix)


def test_every_flipped_byte_is_noticed(file):
    """Whichever byte of a row is changed, neither take nor blocks gives that row; the others are still given."""
    matrix = random(3, file.dimension)
    file.append(0, matrix)
    sound = file.path.read_bytes()
    size = len(sound) // 3
    step = max(1, size // 40)
    for place in [*range(size, 2 * size, step), *range(2 * size - 6, 2 * size)]:
        damaged = bytearray(sound)
        damaged[place] ^= 0x10
        file.path.write_bytes(damaged)
        with pytest.raises(DamagedError, match="row 1 "):
            file.take(3, np.array([0, 1]))
        with pytest.raises(DamagedError, match="row 1 "):
            list(file.blocks(0, 3))
        np.testing.assert_array_equal(file.take(3, np.array([0, 2])), matrix[[0, 2]])


def test_rows_that_changed_places_are_noticed(file):
    """A sound row in another row's place is an error too."""
    file.append(0, random(3, file.dimension))
    content = file.path.read_bytes()
    size = len(content) // 3
    file.path.write_bytes(content[size : 2 * size] + content[:size] + content[2 * size :])
    with pytest.raises(DamagedError, match="row 0 "):
        list(file.blocks(0, 3))
    with pytest.raises(DamagedError, match="row 1 "):
        file.take(3, np.array([1]))


@pytest.mark.parametrize("missing", [1, 5, None])
def test_a_file_that_is_too_short_is_noticed(file, missing):
    """A file that ends before the committed rows, or that is gone, is an error that names it."""
    file.append(0, random(3, file.dimension))
    content = file.path.read_bytes()
    if missing is None:
        file.path.unlink()
    else:
        file.path.write_bytes(content[:-missing])
    with pytest.raises(DamagedError, match="vectors-0"):
        file.take(3, np.array([0]))
    with pytest.raises(DamagedError, match="vectors-0"):
        list(file.blocks(0, 3))
