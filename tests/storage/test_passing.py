"""Vectors that are gone through once, against the same rows that are mapped and stay."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from semsearch.common.errors import DamagedError
from semsearch.index import Rows
from semsearch.storage.vectors.file import VectorFile
from semsearch.storage.vectors.passing import open_passing

ROWS, DIMENSION = 3_000, 32
CLIENT = """
import sys
from pathlib import Path
import numpy as np
from semsearch.index import Rows
from semsearch.storage.vectors.file import VectorFile
from semsearch.storage.vectors.passing import open_passing

def megabytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssFile", "RssAnon"))) >> 10

file, rows = VectorFile(Path(sys.argv[1]), 384), int(sys.argv[2])
source = open_passing(file, rows) if sys.argv[3] == "passing" else file.open(rows)
reader = Rows(source, 384)
scattered = np.random.default_rng(0).permutation(rows)
queries = reader.take(scattered[:20])
reader.search(queries, 10, end=8192)
before, most = megabytes(), 0
for start in range(0, rows, 4096):
    reader.block(start, min(start + 4096, rows))
    most = max(most, megabytes())
reader.take(scattered[:4000])
most = max(most, megabytes())
reader.search(queries, 10)
print(max(most, megabytes()) - before)
"""


@pytest.fixture
def vectors():
    """float32[3000, 32] of length 1."""
    numbers = np.random.default_rng(1).standard_normal((ROWS, DIMENSION)).astype(np.float32)
    return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)


@pytest.fixture
def file(tmp_path, vectors):
    """The vector file of these."""
    file = VectorFile(tmp_path / "vectors-0.f16", DIMENSION)
    file.create()
    file.append(0, vectors)
    return file


def test_passing_rows_are_the_rows(file, vectors):
    """Blocks, scattered rows and scores are those of a mapped file to the bit, also when read a second time."""
    passing, mapped = Rows(open_passing(file, ROWS), DIMENSION), Rows(file.open(ROWS), DIMENSION)
    scattered = np.random.default_rng(2).permutation(ROWS)[:1500]
    for _ in range(2):
        np.testing.assert_array_equal(passing.take(scattered), mapped.take(scattered))
        np.testing.assert_array_equal(passing.block(1000, 2100), mapped.block(1000, 2100))
        for count in (1, 40):
            for mine, theirs in zip(passing.search(vectors[:count], 7), mapped.search(vectors[:count], 7), strict=True):
                np.testing.assert_array_equal(mine, theirs)
        passing.release()


def test_threads_that_let_go_do_not_disturb_each_other(file):
    """While one thread reads copies of scattered rows, another gives them back."""
    passing, mapped = Rows(open_passing(file, ROWS), DIMENSION), Rows(file.open(ROWS), DIMENSION)
    samples = [np.random.default_rng(seed).permutation(ROWS)[:400] for seed in range(60)]
    with ThreadPoolExecutor(4) as pool:
        for sample, taken in zip(samples, pool.map(passing.take, samples), strict=True):
            np.testing.assert_array_equal(taken, mapped.take(sample))


@pytest.mark.parametrize("read", [lambda rows: rows.take(np.array([5, 77, 9])), lambda rows: rows.block(60, 90)])
def test_damage_is_found_in_passing(file, read):
    """A row that does not match its checksum is refused, whichever way it is read."""
    with file.path.open("r+b") as raw:
        raw.seek(77 * file.stride + 3)
        raw.write(b"\xff")
    with pytest.raises(DamagedError, match="row 77 "):
        read(Rows(open_passing(file, ROWS), DIMENSION))


@pytest.mark.parametrize("rows", [np.array([3, ROWS]), np.array([-1, 4])])
def test_a_row_that_is_not_there_is_refused(file, rows):
    """A number beyond the committed rows is the database's damage."""
    with pytest.raises(DamagedError, match="committed rows"):
        Rows(open_passing(file, ROWS), DIMENSION).take(rows)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process has in memory")
def test_going_through_a_file_does_not_bring_it_into_memory(tmp_path):
    """In a process of its own, 100 MB of vectors take 40 MB at most when they pass, and more than 60 when they stay."""
    rows, dimension = 130_000, 384
    file = VectorFile(tmp_path / "vectors-0.f16", dimension)
    file.create()
    block = np.random.default_rng(3).standard_normal((10_000, dimension)).astype(np.float32)
    block /= np.linalg.norm(block, axis=1, keepdims=True)
    for first in range(0, rows, len(block)):
        file.append(first, block)
    taken = {}
    for way in ("passing", "staying"):
        command = [sys.executable, "-c", CLIENT, str(file.path), str(rows), way]
        taken[way] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert taken["passing"] < 40 < 60 < taken["staying"]
