"""The vector file: what is read is what was written, or an error."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest

from semsearch.common.errors import DamagedError, InputError
from semsearch.index import Code, Rows
from semsearch.storage.vectors.file import VectorFile

DIMENSIONS = (1, 2, 3, 8, 385)


def random(count, dimension, seed=0):
    """Vectors that float16 holds exactly."""
    found = np.random.default_rng(seed).standard_normal((count, dimension))
    return found.astype(np.float16).astype(np.float32)


def opened(file, rows):
    """The committed rows of a file, to be read."""
    return Rows(file.open(rows), file.dimension)


@pytest.fixture(params=DIMENSIONS)
def file(request, tmp_path):
    """An empty vector file."""
    found = VectorFile(tmp_path / "vectors-0.f16", request.param, owner="owner")
    found.create()
    return found


def test_the_layout_is_as_documented(file):
    """A row is its float16 values, zeros up to a multiple of four bytes, and a CRC-32 started with number and salt."""
    matrix = random(5, file.dimension)
    digest = file.append(0, matrix)
    salt = zlib.crc32(b"owner vectors-0.f16")
    content = file.path.read_bytes()
    expected = b""
    for number, row in enumerate(matrix):
        values = row.astype("<f2").tobytes()
        values += b"\0" * (-len(values) % 4)
        expected += values + zlib.crc32(values, number ^ salt).to_bytes(4, "little")
    assert content == expected
    assert digest == hashlib.sha256(b"owner vectors-0.f16 0\n" + content).digest()


def test_appended_rows_are_read_back(file):
    """Rows of several appends come back in order by block, and in any order by take."""
    matrix = random(11, file.dimension)
    file.append(0, matrix[:3])
    file.append(3, matrix[3:4])
    file.append(4, matrix[4:])
    rows = opened(file, 11)
    assert len(rows) == 11
    np.testing.assert_array_equal(rows.block(0, 11), matrix)
    np.testing.assert_array_equal(rows.block(2, 9), matrix[2:9])
    ids = np.array([10, 0, 4, 4], dtype=np.int64)
    np.testing.assert_array_equal(rows.take(ids), matrix[ids])
    for found in (rows.block(1, 4), rows.take(ids)):
        assert found.dtype == np.float32
        assert found.flags["C_CONTIGUOUS"]
    assert (
        rows.block(3, 3).shape == rows.take(ids[:0]).shape == opened(file, 0).block(0, 0).shape == (0, file.dimension)
    )


def test_rubbish_behind_the_committed_rows_is_overwritten(file):
    """What an interrupted write left behind is gone after the next append."""
    matrix = random(6, file.dimension)
    file.append(0, matrix[:2])
    size = file.path.stat().st_size
    with file.path.open("ab") as rubbish:
        rubbish.write(b"\xff" * 10_000)
    np.testing.assert_array_equal(opened(file, 2).take(np.arange(2)), matrix[:2])
    file.append(2, matrix[2:])
    assert file.path.stat().st_size == 3 * size
    np.testing.assert_array_equal(opened(file, 6).block(0, 6), matrix)


def test_every_flipped_byte_is_noticed(file):
    """Whichever byte of a row is changed, neither take nor block gives that row; the others are still given."""
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
            opened(file, 3).take(np.array([0, 1]))
        with pytest.raises(DamagedError, match="row 1 "):
            opened(file, 3).block(0, 3)
        np.testing.assert_array_equal(opened(file, 3).take(np.array([0, 2])), matrix[[0, 2]])


def test_rows_that_changed_places_are_noticed(file):
    """A sound row in another row's place is an error too."""
    file.append(0, random(3, file.dimension))
    content = file.path.read_bytes()
    size = len(content) // 3
    file.path.write_bytes(content[size : 2 * size] + content[:size] + content[2 * size :])
    with pytest.raises(DamagedError, match="row 0 "):
        opened(file, 3).block(0, 3)
    with pytest.raises(DamagedError, match="row 1 "):
        opened(file, 3).take(np.array([1]))


@pytest.mark.parametrize("missing", [1, 5, None])
def test_a_file_that_is_too_short_is_noticed(file, missing):
    """A file that ends before the committed rows, or that is gone, is an error that names it and what to run."""
    file.append(0, random(3, file.dimension))
    content = file.path.read_bytes()
    if missing is None:
        file.path.unlink()
    else:
        file.path.write_bytes(content[:-missing])
    with pytest.raises(DamagedError, match=rf"vectors-0.*semsearch verify {file.path.parent.name}"):
        file.open(3)


def test_check_names_the_first_wrong_row(file):
    """Rows can be checked alone and as a span, also row by row of those that are sound, without reading them."""
    file.append(0, random(9, file.dimension))
    content = bytearray(file.path.read_bytes())
    for row in (4, 6):
        content[row * file.stride] ^= 1
    file.path.write_bytes(content)
    stored = file.open(9)
    stored.check(np.array([8, 0, 5]))
    stored.check_span(0, 4)
    stored.check_span(4, 4)
    for wrong in (lambda: stored.check_span(0, 9), lambda: stored.check(np.array([0, 4])), lambda: opened(file, 5)):
        with pytest.raises(DamagedError, match="row 4 "):
            wrong().block(0, 5)
    with pytest.raises(DamagedError, match=rf"row 6 .*semsearch verify {file.path.parent.name}"):
        stored.check_span(5, 9)


def test_what_was_found_sound_is_not_read_again(file, monkeypatch):
    """Rows of an earlier state are not checked a second time; those that have come since are."""
    file.append(0, random(5, file.dimension))
    earlier = file.open(5)
    earlier.check(np.array([0, 3]))
    file.append(5, random(2, file.dimension))
    looked = []
    salt = zlib.crc32(b"owner vectors-0.f16")
    crc32 = zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda *values: looked.append(values[1]) or crc32(*values))
    later = file.open(7, earlier)
    later.check_span(0, 7)
    assert [value ^ salt for value in looked] == [1, 2, 4, 5, 6]
    later.check_span(0, 7)
    assert len(looked) == 5


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 65_520, -1e30])
def test_numbers_that_a_row_cannot_hold_are_refused(file, number):
    """Nothing is written of an append with a number that float16 has not, and the message says what to do."""
    matrix = random(3, file.dimension)
    file.append(0, matrix)
    before = file.path.read_bytes()
    matrix[1, -1] = number
    with pytest.raises(InputError, match=r"65,504.*use the metric cosine"):
        file.append(3, matrix)
    assert file.path.read_bytes() == before


def test_the_largest_numbers_are_held(file):
    """±65504 and numbers too small for float16 are stored, the latter as zero."""
    matrix = np.full((3, file.dimension), Code.FLOAT16.largest, np.float32) * np.array([[1], [-1], [1e-12]], np.float32)
    matrix[2] = 1e-12
    file.append(0, matrix)
    expected = np.array([[65504.0], [-65504.0], [0]]).repeat(file.dimension, axis=1)
    np.testing.assert_array_equal(opened(file, 3).block(0, 3), expected)
