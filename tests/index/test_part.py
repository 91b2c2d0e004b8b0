"""One FAISS index and its file: built, searched, written, mapped, and refused when it is not what it was."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from semsearch.common.documents import Metric
from semsearch.common.errors import InputError
from semsearch.index import Part, Reach, bitmap_of
from semsearch.index.part import GRAPH_EFFORT, padded_dimension
from tests.support.brute_force import asked, candidates, stored, true_scores

ROWS = 320
FACTORIES = (
    "IVF1,PQ4x4fs",
    "IVF4,PQ4x4fs",
    "IVF16,Flat",
    "HNSW16",
    "HNSW8,SQ8",
    "SQ8",
    "Flat",
    "PQ4x4fs",
    "PQ4x4",
    "IVF1,RaBitQfs",
    "RaBitQfs",
    "PCA4,IVF4,Flat",
    "IVF4,RQ2x4",
)
NO_FILTER = ("IVF4,RQ2x4", "PQ4x4fs", "PQ4x4", "RaBitQfs")
COARSE = ("IVF4,RQ2x4", "PCA4,IVF4,Flat", "RaBitQfs", "IVF1,RaBitQfs")
"""Whose distances say less, so that more candidates are needed."""


def built(factory, dimension=8, metric=Metric.COSINE, first=0, rows=ROWS, seed=0):
    """A part over random rows, which come in two blocks."""
    matrix = stored(rows, dimension, metric, seed)
    return Part.build(factory, dimension, metric, first, matrix, [matrix[:100], matrix[100:]]), matrix


def share_of_best(ids, truth, k=10):
    """How many of the k best rows are among each query's ids."""
    best = np.argsort(-truth, axis=1)[:, :k]
    return np.mean([np.isin(one, got).mean() for one, got in zip(best, ids, strict=True)])


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.L2])
@pytest.mark.parametrize("factory", FACTORIES)
def test_candidates_hold_the_nearest_rows(factory, metric):
    """With all effort nearly all of the ten nearest rows are among half of the rows, and numbers begin at ``first``."""
    part, matrix = built(factory, metric=metric, first=1000)
    queries = asked(9, 8, metric)
    assert (part.first, part.end) == (1000, 1000 + ROWS)
    distances, ids = candidates(part, queries, ROWS // 2, Reach(part.effort_limit))
    assert distances.shape == ids.shape == (9, ROWS // 2)
    assert ids.dtype == np.int64
    assert ((ids == -1) | ((ids >= 1000) & (ids < 1000 + ROWS))).all()
    assert all(len(set(row)) == len(row) for row in ([one for one in row if one >= 0] for row in ids.tolist()))
    least = 0.75 if factory in COARSE else 0.97
    assert share_of_best(ids - 1000, true_scores(queries, matrix, metric)) >= least


@pytest.mark.parametrize("dimension", [1, 3, 5, 50, 385])
@pytest.mark.parametrize("metric", list(Metric))
def test_any_dimension(dimension, metric):
    """A dimension that four does not divide is padded, which changes no neighbour."""
    size = padded_dimension(dimension)
    assert size % 4 == 0
    assert dimension <= size < dimension + 4
    part, matrix = built(f"IVF1,PQ{size}x4fs", dimension, metric)
    queries = asked(5, dimension, metric)
    _, ids = candidates(part, queries, 160, Reach(1))
    assert share_of_best(ids, true_scores(queries, matrix, metric)) >= 0.97


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_filter_is_kept_or_refused_without_harm(factory):
    """An index that takes selectors gives allowed rows only; one that refuses them gives rows all the same."""
    part, _ = built(factory, first=8)
    allowed = bitmap_of(ROWS, np.arange(0, ROWS, 3))
    _, ids = candidates(part, asked(4, 8), 60, Reach(part.effort_limit), allowed)
    found = ids[ids >= 0]
    assert len(found) > 100
    assert ((found - 8) % 3 == 0).all() == (factory not in NO_FILTER)
    _, ids = candidates(part, asked(4, 8), 60, Reach(part.effort_limit), bitmap_of(ROWS, np.array([5])))
    assert factory in NO_FILTER or set(ids.ravel().tolist()) <= {-1, 13}


@pytest.mark.parametrize(
    ("factory", "limit"),
    [
        ("IVF16,Flat", 16),
        ("IVF1,PQ4x4fs", 1),
        ("SQ8", 0),
        ("PQ4x4fs", 0),
        ("PCA4,IVF4,Flat", 4),
        ("HNSW16", GRAPH_EFFORT),
    ],
)
def test_the_largest_effort(factory, limit):
    """Lists have as many efforts as there are, graphs as many as are faster than a scan, and others none."""
    assert built(factory)[0].effort_limit == limit


def test_more_effort_finds_more():
    """One list of sixteen holds fewer of the neighbours than all; efforts out of range are what is nearest to them."""
    part, matrix = built("IVF16,Flat")
    queries = asked(30, 8)
    truth = true_scores(queries, matrix, Metric.COSINE)
    found = [share_of_best(candidates(part, queries, 50, Reach(effort))[1], truth) for effort in (0, 1, 4, 16, 99)]
    assert found[0] == found[1] < found[2] < found[3] == found[4] == 1


@pytest.mark.parametrize("count", [1, ROWS, ROWS + 50])
def test_no_more_candidates_than_rows(count):
    """A part gives what it has."""
    part, _ = built("IVF1,PQ4x4fs")
    _, ids = candidates(part, asked(2, 8), count, Reach(1))
    assert ids.shape == (2, min(count, ROWS))
    assert ids.min() >= 0


def test_transforms_that_are_learned():
    """OPQ before lists of codes is built, searched with and without a filter, and has the lists' efforts."""
    part, matrix = built("OPQ4_8,IVF4,PQ4x4fs", 10, rows=300)
    queries = asked(5, 10)
    assert part.effort_limit == 4
    _, ids = candidates(part, queries, 150, Reach(4))
    assert share_of_best(ids, true_scores(queries, matrix, Metric.COSINE)) >= 0.9
    _, ids = candidates(part, queries, 60, Reach(4), bitmap_of(300, np.arange(0, 300, 2)))
    assert (ids[ids >= 0] % 2 == 0).all()


@pytest.mark.parametrize(
    "factory", ["nonsense", "", "IVF", "IVF4,PQ5x4fs", "PQ5", "IVF9999,Flat", "Flat,Flat", "NSG8,Flat"]
)
def test_a_factory_that_does_not_fit_is_refused(factory):
    """The message quotes the factory and the dimension, on one line, and says what to do."""
    matrix = stored(64, 10)
    with pytest.raises(InputError, match=r"10 dimensions .*choose another factory") as caught:
        Part.build(factory, 10, Metric.COSINE, 0, matrix, [matrix])
    assert repr(factory) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("factory", FACTORIES)
def test_what_is_written_is_mapped_again(tmp_path, factory, metric):
    """A part read from its file gives the same candidates and distances; the checksum is that of the file."""
    part, _ = built(factory, metric=metric, first=16)
    sha256 = part.write(tmp_path / "a.faiss")
    assert sha256 == hashlib.sha256((tmp_path / "a.faiss").read_bytes()).hexdigest()
    assert [file.name for file in tmp_path.iterdir()] == ["a.faiss"]
    again = Part.read(tmp_path / "a.faiss", sha256, 16)
    assert (again.first, again.end, again.effort_limit) == (16, 16 + ROWS, part.effort_limit)
    queries, allowed = asked(3, 8, metric), bitmap_of(ROWS, np.arange(100))
    for some in (None, allowed):
        for one, other in zip(
            candidates(part, queries, 20, Reach(4), some), candidates(again, queries, 20, Reach(4), some), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_a_mapped_part_survives_its_file(tmp_path):
    """Who has a part open goes on when the writer removes the file or puts another in its place."""
    part, _ = built("IVF1,PQ4x4fs")
    sha256 = part.write(tmp_path / "a.faiss")
    again = Part.read(tmp_path / "a.faiss", sha256, 0)
    built("SQ8", seed=3)[0].write(tmp_path / "a.faiss")
    (tmp_path / "a.faiss").unlink()
    queries = asked(3, 8)
    np.testing.assert_array_equal(
        candidates(again, queries, 20, Reach(1))[1], candidates(part, queries, 20, Reach(1))[1]
    )


@pytest.fixture(scope="module", params=["IVF1,PQ4x4fs", "PCA4,IVF4,Flat", "HNSW16"])
def written(request, tmp_path_factory):
    """The bytes of an index file, and their checksum."""
    path = tmp_path_factory.mktemp("part") / "a.faiss"
    sha256 = built(request.param)[0].write(path)
    return path.read_bytes(), sha256


@pytest.mark.parametrize("place", [0, 3, 4, 20, 0.1, 0.25, 0.5, 0.75, 0.9, -1])
def test_a_flipped_bit_is_noticed(written, tmp_path, place):
    """One changed bit anywhere, and the file is not used."""
    content, sha256 = bytearray(written[0]), written[1]
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 0x40
    (tmp_path / "a.faiss").write_bytes(content)
    assert Part.read(tmp_path / "a.faiss", sha256, 0) is None


@pytest.mark.parametrize("length", [0, 1, 20, 0.5, -1])
def test_a_truncated_file_is_noticed(written, tmp_path, length):
    """A file that ends early, or goes on too long, is not used."""
    content, sha256 = written
    (tmp_path / "a.faiss").write_bytes(content[: int(length * len(content)) if isinstance(length, float) else length])
    assert Part.read(tmp_path / "a.faiss", sha256, 0) is None
    (tmp_path / "a.faiss").write_bytes(content + b"\0")
    assert Part.read(tmp_path / "a.faiss", sha256, 0) is None


def test_what_is_no_file_is_no_index(written, tmp_path):
    """Neither a missing file, nor a folder, nor a link to nowhere, nor another index is used."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    built("SQ8")[0].write(tmp_path / "other")
    for name in ("missing", "folder", "link", "other"):
        assert Part.read(tmp_path / name, written[1], 0) is None


def test_faiss_never_sees_a_damaged_file(written, tmp_path, monkeypatch):
    """The checksum comes first: FAISS may crash the process on bytes that it does not expect."""
    import faiss

    (tmp_path / "a.faiss").write_bytes(written[0][:-1] + b"\xff\xff")
    for name in ("read_index", "deserialize_index", "OnDiskInvertedLists"):
        monkeypatch.setattr(faiss, name, lambda *_: pytest.fail("FAISS was given a damaged file"))
    assert Part.read(tmp_path / "a.faiss", written[1], 0) is None


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    """When the disk is full the file that was there stays as it was, and nothing is left beside it."""
    sha256 = built("SQ8")[0].write(tmp_path / "a.faiss")

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            built("HNSW16")[0].write(tmp_path / "a.faiss")
    assert [file.name for file in tmp_path.iterdir()] == ["a.faiss"]
    assert Part.read(tmp_path / "a.faiss", sha256, 0).end == ROWS


FULL_DISK = """
import resource, sys, signal
import numpy as np
from pathlib import Path
from semsearch.index import Part
from semsearch.common.documents import Metric
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
matrix = np.random.default_rng(0).standard_normal((4000, 64)).astype(np.float32)
part = Part.build("Flat", 64, Metric.L2, 0, matrix, [matrix])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    part.write(Path(sys.argv[1]))
except OSError as error:
    print("OSError", error.errno, *Path(sys.argv[1]).parent.iterdir())
"""


@pytest.mark.skipif(os.name != "posix", reason="needs limits of POSIX")
def test_a_disk_that_fills_up_in_the_middle_is_an_error(tmp_path):
    """FAISS writes through a callback, whose OSError must come back as such instead of ending the process."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "a.faiss"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "OSError 27"), done.stderr[-2000:]
