"""Files of inverted files, whose lists are searched where they lie."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import faiss
import numpy as np
import pytest

from semsearch.index import Part
from semsearch.index.faiss_files import HEAD, innermost, read_index, write_index
from tests.support.brute_force import asked, stored

ROWS = 500
MAPPED = (
    "IVF4,PQ4x4fs",
    "IVF4,PQ4x4fs_64",
    "IVF4,PQ8x4fs_64",
    "IVF64,PQ4x4fs_64",
    "PCA6,IVF4,PQ3x4fs_64",
    "OPQ4,IVF4,SQ8",
)
OTHERS = ("IVF4,RaBitQfs", "IVF4,FlatPanorama2", "HNSW8", "SQ8", "PQ4x4fs")


def built(factory):
    """An index over random rows of 8 numbers."""
    index = faiss.index_factory(8, factory, faiss.METRIC_INNER_PRODUCT)
    matrix = stored(ROWS, 8)
    index.train(matrix)
    index.add(matrix)
    return index


def written(index, path):
    """The file of an index."""
    with path.open("wb") as file:
        write_index(index, file.write)
    return path


def found(index):
    """What all lists of the index have for some queries."""
    if isinstance(innermost(index), faiss.IndexIVF):
        innermost(index).nprobe = innermost(index).nlist
    return index.search(asked(20, 8), 30)


@pytest.mark.parametrize("factory", [*MAPPED, *OTHERS])
def test_an_index_is_searched_in_its_file_as_in_memory(tmp_path, factory):
    """Same rows, same distances; writing changes nothing in the index that is written."""
    index = built(factory)
    before = found(index)
    again = read_index(written(index, tmp_path / "a.faiss"))
    for one, after, read in zip(before, found(index), found(again), strict=True):
        np.testing.assert_array_equal(one, after)
        np.testing.assert_array_equal(one, read)
    assert again.ntotal == ROWS


@pytest.mark.parametrize("factory", MAPPED)
def test_lists_are_mapped_and_begin_where_a_cache_line_does(tmp_path, factory):
    """Every list is what it was in memory, and no copy."""
    index = built(factory)
    path = written(index, tmp_path / "a.faiss")
    assert path.read_bytes()[:64] == HEAD
    again = read_index(path)
    lists, mapped = innermost(index).invlists, faiss.downcast_InvertedLists(innermost(again).invlists)
    assert isinstance(mapped, faiss.OnDiskInvertedLists)
    begin = int(mapped.ptr)
    sizes = [lists.list_size(number) for number in range(lists.nlist)]
    assert [mapped.list_size(number) for number in range(lists.nlist)] == sizes
    for number, size in enumerate(sizes):
        if size:
            ids = (faiss.rev_swig_ptr(one.get_ids(number), size) for one in (lists, mapped))
            np.testing.assert_array_equal(*ids)
            codes = (faiss.rev_swig_ptr(one.get_codes(number), size) for one in (lists, mapped))
            np.testing.assert_array_equal(*codes)
            assert (int(mapped.get_codes(number)) - begin) % 64 == 0 or "fs" not in factory


@pytest.mark.parametrize("factory", OTHERS)
def test_other_indexes_are_in_the_format_of_faiss(tmp_path, factory):
    """FAISS alone can read them."""
    index = built(factory)
    again = faiss.read_index(str(written(index, tmp_path / "a.faiss")))
    np.testing.assert_array_equal(found(again)[1], found(index)[1])


def test_where_faiss_cannot_map_lists_the_file_is_its_own(tmp_path, monkeypatch):
    """As on Windows."""
    index = built(MAPPED[0])
    monkeypatch.delattr(faiss, "OnDiskInvertedLists")
    path = written(index, tmp_path / "a.faiss")
    for again in (faiss.read_index(str(path)), read_index(path)):
        np.testing.assert_array_equal(found(again)[1], found(index)[1])


def test_a_file_of_another_system_is_no_index_where_faiss_cannot_map_it(tmp_path, monkeypatch):
    """It is an error that is told from a crash; the collection goes on without its index."""
    path = written(built(MAPPED[0]), tmp_path / "a.faiss")
    monkeypatch.delattr(faiss, "OnDiskInvertedLists")
    with pytest.raises(RuntimeError, match="maps no lists"):
        read_index(path)
    assert Part.read(path, hashlib.sha256(path.read_bytes()).hexdigest(), 0) is None


FORK = """
import os, sys
import numpy as np
from pathlib import Path
from semsearch.index import Part
from semsearch.index.faiss_files import read_index

index, query = read_index(Path(sys.argv[1])), np.ones((1, 8), np.float32)
before = len(os.listdir("/proc/self/task"))
index.search(query, 5)
print(len(os.listdir("/proc/self/task")) - before)
sys.stdout.flush()
child = os.fork()
if not child:
    index.search(query, 5)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the tasks of Linux's /proc")
@pytest.mark.parametrize("factory", ["IVF4_HNSW8,SQ8", "IVF4,PQ4x4fs_64"])
def test_a_search_starts_no_threads_and_survives_a_fork(tmp_path, factory):
    """FAISS would read mapped lists ahead in threads of its own, and wait for them in a child that has none."""
    path = written(built(factory), tmp_path / "a.faiss")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FORK, path], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["0", "0"]


MEMORY = """
import faiss, sys
from pathlib import Path
from semsearch.index import Part
from semsearch.index.faiss_files import read_index

def own():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private"))

read_index(Path(sys.argv[1]))  # first, for what FAISS sets up once
before = own()
kept = [read_index(Path(sys.argv[1])) for _ in range(8)]
print(own() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the figures of Linux's /proc")
def test_lists_take_no_memory_of_the_process(tmp_path):
    """Eight times an index of 2 MB is opened in less than the memory of one."""
    matrix = np.random.default_rng(0).standard_normal((30_000, 64)).astype(np.float32)
    index = faiss.index_factory(64, "IVF16,SQ8", faiss.METRIC_L2)
    index.train(matrix)
    index.add(matrix)
    path = written(index, tmp_path / "a.faiss")
    assert path.stat().st_size > 2_000_000
    done = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) < 1500
