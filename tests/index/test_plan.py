"""Which index is chosen for which rows, and how they are divided into parts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.common.documents import Metric
from semsearch.common.errors import InputError
from semsearch.index import Plan, Reach, Rows, build_part, choose, is_current, plan
from semsearch.index.part import check_factory, padded_dimension
from tests.support.brute_force import METRICS, asked, candidates, stored, true_scores
from tests.support.memory_rows import MemoryRows


class ManyRows(Rows):
    """As many rows as told, without any."""

    def __init__(self, count, dimension, metric=Metric.COSINE):
        super().__init__(MemoryRows(np.empty((0, dimension))), dimension, metric)
        self.count = count

    def __len__(self):
        return self.count


@pytest.fixture
def speed(monkeypatch):
    """Set how many milliseconds a million rows take, exactly and by their codes."""

    def chosen(exact, codes):
        monkeypatch.setattr(plan, "_exact_ms_a_row", lambda *_: exact / 1e6)
        monkeypatch.setattr(plan, "_scan_ms_a_row", lambda *_: codes / 1e6)

    return chosen


@pytest.mark.parametrize("rows", [0, 1, 100, 20_000])
def test_few_rows_are_scanned_exactly(speed, rows):
    """While the exact scan takes no longer than a millisecond there is no index."""
    speed(exact=50, codes=1)
    assert choose(ManyRows(rows, 384)) is None


@pytest.mark.parametrize("dimension", [1, 3, 4, 50, 63, 64, 128, 191, 192, 193, 200, 384, 385, 768, 1023])
def test_every_dimension_has_a_ladder_of_codes(speed, dimension):
    """From the shortest codes to the longest each choice is one that FAISS knows; above the last there is none."""
    speed(exact=50, codes=1)
    level, codes = 0, []
    while found := choose(ManyRows(100_000, dimension), level):
        check_factory(found.factory, dimension, Metric.COSINE)
        assert found.level >= level
        assert found.part_rows == plan.PART_ROWS
        codes.append(int(re.search(r"PQ(\d+)x4fs", found.factory)[1]))
        level = found.level + 1
    assert codes
    assert codes == sorted(set(codes))
    assert codes[-1] >= dimension if dimension < 192 else codes[-1] >= dimension // 6


def test_many_rows_have_many_lists(speed):
    """When the scan of all codes takes longer than is wanted, a query sees a small share of many lists."""
    rows = 4_000_000
    speed(exact=50, codes=plan.LATENCY_MS / 4)
    assert f"IVF{plan.LISTS}," in choose(ManyRows(rows, 384)).factory
    found = choose(ManyRows(rows + 1, 384))
    assert f"IVF{plan.MANY_LISTS}," in found.factory
    assert found.part_rows == plan.PART_ROWS
    speed(exact=500, codes=200)  # however slow, less than a part is not divided
    assert f"IVF{plan.LISTS}," in choose(ManyRows(plan.PART_ROWS, 384)).factory
    assert f"IVF{plan.MANY_LISTS}," in choose(ManyRows(plan.PART_ROWS + 1, 384)).factory


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dimension", [1, 50])
def test_the_choice_is_measured(monkeypatch, metric, dimension):
    """Speeds come from the rows themselves; what is chosen for them can be built and searched."""
    matrix = stored(600, dimension, metric)
    rows = Rows(MemoryRows(matrix), dimension, metric)
    monkeypatch.setattr(plan, "EXACT_MS", 1e6)
    assert choose(rows) is None
    monkeypatch.setattr(plan, "EXACT_MS", 0.0)
    monkeypatch.setattr(plan, "LISTS", 2)
    found = choose(rows)
    assert "IVF2,PQ" in found.factory
    part = build_part(rows, found, 0, 600)
    assert (part.first, part.end) == (0, 600)
    _, ids = candidates(part, asked(3, dimension, metric), 300, Reach(2))
    best = np.argmax(true_scores(asked(3, dimension, metric), matrix, metric), axis=1)
    assert (ids == best[:, None]).any(axis=1).all()
    monkeypatch.setattr(plan, "PART_ROWS", 100)
    monkeypatch.setattr(plan, "LATENCY_MS", 0.0)
    monkeypatch.setattr(plan, "MANY_LISTS", 4)
    assert "IVF4,PQ" in choose(rows).factory


@pytest.mark.parametrize("metric", METRICS)
def test_a_plan_is_current_as_long_as_the_program_would_build_the_same(speed, metric):
    """What another version has chosen is not, nor what the user has."""
    speed(exact=50, codes=1)
    rows = ManyRows(100_000, 384, metric)
    assert is_current(choose(rows), rows)
    assert is_current(choose(rows, 1), rows)
    assert not is_current(Plan("PCAR128,IVF256,PQ64x4fs_64", plan.PART_ROWS, 0), rows)
    assert not is_current(Plan("HNSW32"), rows)


def test_a_part_is_built_of_its_own_rows(monkeypatch):
    """A part in the middle holds those rows, in order, whatever the blocks; it is trained on a sample of them."""
    monkeypatch.setattr(plan, "BLOCK_ROWS", 7)
    monkeypatch.setattr(plan, "LISTS", 1)
    monkeypatch.setattr(plan, "SAMPLE_A_LIST", 20)
    matrix = stored(200, 6)
    rows = Rows(MemoryRows(matrix), 6, Metric.COSINE)
    part = build_part(rows, Plan("Flat", 64), 64, 128)
    assert (part.first, part.end) == (64, 128)
    distances, ids = candidates(part, matrix[64:128], 1, Reach(1))
    assert ids[:, 0].tolist() == list(range(64, 128))
    np.testing.assert_allclose(distances[:, 0], 1, atol=1e-3)


@pytest.mark.parametrize("lists", [1, 4])
@pytest.mark.parametrize("rows", [1, 15, 16, 63, 64])
def test_a_last_part_too_short_to_train_is_left_out(lists, rows):
    """Every part that the program plans itself has rows enough for its lists and codes; the others stay unindexed."""
    planned = Plan(f"IVF{lists},PQ4x4fs", 64, level=1)
    found = list(planned.spans(64, 64 + rows))
    assert found == ([(64, 64 + rows)] if rows >= 16 * lists else [])
    source = Rows(MemoryRows(stored(64 + rows, 4)), 4, Metric.COSINE)
    assert [build_part(source, planned, *span).end for span in found] == [stop for _, stop in found]


@given(st.integers(1, 40), st.integers(0, 10), st.integers(0, 400))
def test_spans_are_neighbours_and_cover_everything(size, full, rows):
    """From the beginning of a part on, every row is in exactly one part, and every part but the last one is full."""
    start = min(full * size, rows - rows % size)
    spans = list(Plan("Flat", size).spans(start, rows))
    assert [row for first, stop in spans for row in range(first, stop)] == list(range(start, rows))
    assert all(stop - first == size for first, stop in spans[:-1])
    assert all(first % size == 0 and stop > first for first, stop in spans)


@given(st.integers(0, 400))
def test_without_a_size_there_is_one_part(rows):
    """All rows, or none."""
    assert list(Plan("HNSW16").spans(0, rows)) == ([(0, rows)] if rows else [])


@pytest.mark.parametrize("dimension", [1, 4, 5, 383, 384])
def test_vectors_are_padded_to_what_codes_divide(dimension):
    """The next multiple of four."""
    assert padded_dimension(dimension) == {1: 4, 4: 4, 5: 8, 383: 384, 384: 384}[dimension]


@pytest.mark.parametrize("factory", ["HNSW32", "IVF64,PQ4x4fs", "OPQ4_8,IVF4,PQ4x4fs", "SQ8", "IVF1,RaBitQfs"])
def test_a_factory_can_be_checked_before_it_is_used(factory):
    """Known ones pass without rows; an unknown one is an error that quotes it."""
    for metric in Metric:
        check_factory(factory, 10, metric)
        with pytest.raises(InputError, match=f"'x{factory}'"):
            check_factory(f"x{factory}", 10, metric)
