"""The scan on a device, run on the CPU where its code is the same, and on a GPU where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch.common.documents import Metric
from semsearch.common.errors import DeviceError
from semsearch.index import ApproximateIndex, Point, Reach, Rows, Searcher, bitmap_of, gpu
from semsearch.index.gpu import FaissScan, GpuRows, TorchScan
from tests.support.brute_force import METRICS, StridedRows, asked, check_exact, stored, true_scores
from tests.support.memory_rows import MemoryRows
from tests.support.opened import with_threads

torch = pytest.importorskip("torch")

COUNT = 150


@pytest.fixture(params=METRICS)
def metric(request):
    """One of the metrics."""
    return request.param


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Few rows make several blocks."""
    monkeypatch.setattr(gpu, "BLOCK_ROWS", 64)


def sets(count):
    """Filters from nothing to everything."""
    return [
        None,
        np.arange(0),
        np.array([count - 1]),
        np.arange(64, 66),
        np.arange(0, count, 2),
        np.arange(70, count),
        np.arange(count),
    ]


@pytest.mark.parametrize("dimension", [1, 3, 50, 385])
@pytest.mark.parametrize("queries", [1, 6])
def test_torch_finds_what_brute_force_finds(metric, dimension, queries):
    """For every metric, filter and k the rows and their scores are exact, as they are without a device."""
    matrix, wanted = stored(COUNT, dimension, metric), asked(queries, dimension, metric)
    rows = GpuRows(StridedRows(matrix), dimension, metric, "cpu")
    plain = Rows(StridedRows(matrix), dimension, metric)
    truth = true_scores(wanted, matrix, metric)
    for allowed in sets(COUNT):
        bitmap = None if allowed is None else bitmap_of(COUNT, allowed)
        for k in (1, 10, COUNT, COUNT + 30):
            check_exact(rows.search(wanted, k, allowed=bitmap), truth, k, allowed, atol=1e-4)
            found, expected = (one.search(wanted, k, allowed=bitmap) for one in (rows, plain))
            np.testing.assert_allclose(found[0], expected[0], atol=1e-4, rtol=1e-5)


def test_candidates_of_a_device_are_the_nearest_rows(metric):
    """The scan alone gives as many of the nearest allowed rows as it was asked for, and -1 where there are none."""
    matrix, wanted = stored(COUNT, 8, metric), asked(4, 8, metric)
    scan = TorchScan(Rows(MemoryRows(matrix), 8, metric), "cpu")
    truth = true_scores(wanted, matrix, metric)
    for allowed in sets(COUNT):
        some = np.arange(COUNT) if allowed is None else allowed
        found = scan.candidates(wanted, 20, None if allowed is None else bitmap_of(COUNT, allowed))
        assert found.dtype == np.int64
        for row, scores in zip(found, truth, strict=True):
            taken = row[row >= 0]
            assert len(set(taken.tolist())) == len(taken) == min(20, len(some))
            assert set(taken.tolist()) <= set(some.tolist())
            np.testing.assert_allclose(
                np.sort(scores[taken]), np.sort(scores[some])[len(some) - len(taken) :], atol=1e-4
            )


def test_rows_far_from_the_origin_are_told_apart():
    """With l2 the small distances between long vectors are not lost among their large lengths."""
    generator = np.random.default_rng(3)
    matrix = (1000 + generator.standard_normal((COUNT, 64))).astype(np.float16).astype(np.float32)
    wanted = (1000 + generator.standard_normal((5, 64))).astype(np.float32)
    truth = true_scores(wanted, matrix, Metric.L2)
    check_exact(GpuRows(StridedRows(matrix), 64, Metric.L2, "cpu").search(wanted, 10), truth, 10, atol=1e-3)


def test_no_rows_at_all(metric):
    """An empty collection is searched like any other."""
    rows = GpuRows(MemoryRows(np.empty((0, 8))), 8, metric, "cpu")
    assert rows.search(asked(2, 8, metric), 3)[1].tolist() == [[-1] * 3] * 2


def test_spans_and_scores_to_reach_need_no_device(metric):
    """Part of the rows is scanned, and a score is reached, as on the CPU."""
    matrix, wanted = stored(COUNT, 8, metric), asked(2, 8, metric)
    rows = GpuRows(StridedRows(matrix), 8, metric, "cpu")
    truth = true_scores(wanted, matrix, metric)
    check_exact(rows.search(wanted, 9, 8, 99), truth, 9, np.arange(8, 99))
    least = float(np.sort(truth[0])[-30:-28].mean())
    assert set(rows.within(wanted[:1], least)[1].tolist()) == set(np.flatnonzero(truth[0] >= least).tolist())


def test_a_row_that_is_damaged_is_noticed_before_it_is_copied():
    """Rows are checked on their way to the device."""
    source = StridedRows(stored(COUNT, 8), broken={140})
    with pytest.raises(Exception, match="broken 140"):
        GpuRows(source, 8, Metric.COSINE, "cpu")


def test_a_searcher_works_on_a_device(metric):
    """The contract of a search is the same: k allowed rows with their true scores."""
    matrix, wanted = stored(COUNT, 8, metric), asked(3, 8, metric)
    searcher = Searcher(
        GpuRows(StridedRows(matrix), 8, metric, "cpu"), ApproximateIndex([], metric), Point(Reach(1), 10)
    )
    truth = true_scores(wanted, matrix, metric)
    for allowed in sets(COUNT):
        bitmap = None if allowed is None else bitmap_of(COUNT, allowed)
        k = min(12, COUNT if allowed is None else len(allowed))
        check_exact(with_threads(searcher, 2).search(wanted, 12, bitmap), truth, k, allowed)


class FlatIndex:
    """What a FAISS index on a GPU is to its caller: exact, without filters, at most so many results."""

    def __init__(self, matrix, metric):
        self.matrix, self.metric, self.ntotal = matrix, metric, len(matrix)
        self.asked = []

    def search(self, queries, k):
        """The k nearest rows."""
        assert k <= min(gpu.LARGEST_K, self.ntotal), "more than the kernels give"
        assert queries.flags["C_CONTIGUOUS"]
        self.asked.append(k)
        truth = true_scores(queries, self.matrix, self.metric)
        ids = np.argsort(-truth, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(truth, ids, axis=1).astype(np.float32), ids


def test_faiss_on_a_gpu_is_asked_for_as_many_more_as_are_hidden(metric):
    """The nearest allowed rows are among the candidates, however many of the nearest ones are not allowed."""
    matrix, wanted = stored(COUNT, 8, metric), asked(4, 8, metric)
    index = FlatIndex(matrix, metric)
    scan = FaissScan(index)
    truth = true_scores(wanted, matrix, metric)
    for allowed in (None, np.arange(0, COUNT, 2), np.arange(30, COUNT), np.arange(COUNT - 9, COUNT)):
        some = np.arange(COUNT) if allowed is None else allowed
        found = scan.candidates(wanted, 9, None if allowed is None else bitmap_of(COUNT, allowed))
        for row, scores in zip(found, truth, strict=True):
            taken = row[row >= 0]
            assert set(taken.tolist()) <= set(some.tolist())
            np.testing.assert_allclose(np.sort(scores[taken])[-9:], np.sort(scores[some])[-9:])
    assert index.asked == [9, 9 + 75, 9 + 30, 150]


@pytest.mark.parametrize(
    ("count", "hidden", "answered"), [(9, 41, True), (9, 42, False), (51, 0, False), (50, 0, True)]
)
def test_what_the_kernels_cannot_tell_is_left_to_the_cpu(monkeypatch, count, hidden, answered):
    """More results than a GPU gives, or than there are rows, are not asked for."""
    monkeypatch.setattr(gpu, "LARGEST_K", 50)
    scan = FaissScan(FlatIndex(stored(COUNT, 8), Metric.COSINE))
    found = scan.candidates(asked(1, 8), count, bitmap_of(COUNT, np.arange(hidden, COUNT)))
    assert (found is not None) is answered
    assert FaissScan(FlatIndex(stored(20, 8), Metric.COSINE)).candidates(asked(1, 8), 21, None) is None


@pytest.mark.parametrize("largest", [20, 2048])
def test_rows_with_faiss_on_a_gpu(monkeypatch, metric, largest):
    """With the device's answers and without them the result is that of brute force."""
    matrix, wanted = stored(COUNT, 8, metric), asked(3, 8, metric)
    monkeypatch.setattr(gpu, "LARGEST_K", largest)
    monkeypatch.setattr(gpu, "_faiss_gpus", lambda: 2)
    monkeypatch.setattr(gpu, "_faiss_scan", lambda rows: FaissScan(FlatIndex(matrix, rows.metric)))
    rows = GpuRows(StridedRows(matrix), 8, metric, "cuda")
    truth = true_scores(wanted, matrix, metric)
    for allowed in sets(COUNT):
        for k in (1, 10, COUNT + 5):
            bitmap = None if allowed is None else bitmap_of(COUNT, allowed)
            check_exact(rows.search(wanted, k, allowed=bitmap), truth, k, allowed)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_without_a_gpu_the_error_says_so(monkeypatch, device):
    """The device is named, and what to do."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu, "_faiss_gpus", lambda: 0)
    with pytest.raises(DeviceError, match=rf"no device '{device}'.*leave --device out"):
        GpuRows(MemoryRows(stored(9, 8)), 8, Metric.COSINE, device)


@pytest.mark.parametrize("device", ["gpu", "", "tpu0", "cuda:x", "meta:"])
def test_a_device_that_nobody_knows_is_refused(device):
    """A word that is no device is an error of ours, not one of a library."""
    with pytest.raises(DeviceError, match="device"):
        GpuRows(MemoryRows(stored(9, 8)), 8, Metric.COSINE, device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU here")
@pytest.mark.parametrize("kind", ["torch", "faiss"])
def test_a_real_gpu(monkeypatch, metric, kind):
    """On the device itself the results are those of brute force, with and without a filter."""
    if kind == "faiss" and not gpu._faiss_gpus():
        pytest.skip("the installed FAISS has no GPU part, or finds no GPU")
    if kind == "torch":
        monkeypatch.setattr(gpu, "_faiss_gpus", lambda: 0)
    monkeypatch.setattr(gpu, "BLOCK_ROWS", 4096)
    matrix, wanted = stored(10_000, 48, metric), asked(20, 48, metric)
    rows = GpuRows(StridedRows(matrix), 48, metric, "cuda")
    truth = true_scores(wanted, matrix, metric)
    for allowed in (None, np.arange(0, 10_000, 3), np.arange(9_000, 9_004)):
        bitmap = None if allowed is None else bitmap_of(10_000, allowed)
        check_exact(rows.search(wanted, 10, allowed=bitmap), truth, 10, allowed, atol=1e-4)
