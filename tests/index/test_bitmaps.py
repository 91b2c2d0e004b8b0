"""Sets of ids as bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.index.bitmaps import all_but, bitmap_of, contains, count, members, span_of

ROWS_AND_IDS = st.integers(0, 70).flatmap(
    lambda rows: st.tuples(st.just(rows), st.sets(st.integers(0, max(rows - 1, 0)), max_size=rows))
)


def array(ids):
    """Ids in order."""
    return np.array(sorted(ids), dtype=np.int64)


def bits(bitmap):
    """The set by looking at each bit: row ``n`` is bit ``n % 8`` of byte ``n // 8``."""
    return {row for row in range(8 * len(bitmap)) if int(bitmap[row // 8]) >> row % 8 & 1}


@given(ROWS_AND_IDS)
def test_a_set_has_a_bit_for_each_of_its_ids(case):
    """The ids' bits are set, lowest first, and no others, not even spare ones behind the last row."""
    rows, ids = case
    for bitmap, expected in (
        (bitmap_of(rows, array(ids)), ids),
        (all_but(rows, array(ids)), set(range(rows)) - ids),
    ):
        assert bitmap.dtype == np.uint8
        assert len(bitmap) == -(-rows // 8)
        assert bits(bitmap) == expected


@given(ROWS_AND_IDS)
def test_members_and_count_are_those_that_went_in(case):
    """What is read from a bitmap are its ids in ascending order, and how many there are."""
    rows, ids = case
    bitmap = bitmap_of(rows, array(ids))
    assert members(bitmap).tolist() == sorted(ids)
    assert count(bitmap) == len(ids)
    assert count(all_but(rows, array(ids))) == rows - len(ids)


@given(ROWS_AND_IDS, st.data())
def test_contains_answers_for_every_id_in_the_shape_of_the_question(case, data):
    """Ids may come in any order, often, and as a matrix."""
    rows, ids = case
    if not rows:
        return
    wanted = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=24)), dtype=np.int64)
    found = contains(bitmap_of(rows, array(ids)), wanted)
    assert found.dtype == np.bool_
    assert found.tolist() == [one in ids for one in wanted.tolist()]
    table = np.arange(rows, dtype=np.int64).reshape(-1, 1)
    assert contains(bitmap_of(rows, array(ids)), table)[:, 0].tolist() == [row in ids for row in range(rows)]


@given(ROWS_AND_IDS, st.data())
def test_a_span_holds_its_own_ids_counted_from_its_start(case, data):
    """Between a whole byte and any row the same ids are in the part as in the whole."""
    rows, ids = case
    start = 8 * data.draw(st.integers(0, rows // 8))
    stop = data.draw(st.integers(start, rows))
    part = span_of(bitmap_of(rows, array(ids)), start, stop)
    assert len(part) == -(-(stop - start) // 8)
    assert {one + start for one in bits(part)} & set(range(start, stop)) == ids & set(range(start, stop))


@pytest.mark.parametrize("start", [1, 4, 7, 9])
def test_a_span_begins_at_a_whole_byte(start):
    """Any other start would shift every id, and is refused."""
    with pytest.raises(AssertionError, match="whole byte"):
        span_of(bitmap_of(30, array({3})), start, 20)
