"""Batches: which texts go together, and how they are padded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semsearch.encoder.batching import TOKEN_BUDGET, pad, plan

LENGTHS = st.lists(st.integers(1, 600), max_size=200)
STREAMS = st.integers(1, 16)


@given(LENGTHS, STREAMS, st.integers(1, 2 * TOKEN_BUDGET))
def test_every_text_is_in_one_batch(lengths: list[int], streams: int, budget: int) -> None:
    """Each text number occurs once over all batches, and no batch is empty."""
    batches = plan(lengths, streams, budget)
    assert sorted(int(number) for batch in batches for number in batch) == list(range(len(lengths)))
    assert all(len(batch) for batch in batches)


@given(LENGTHS, STREAMS, st.integers(1, 2 * TOKEN_BUDGET))
def test_a_batch_keeps_to_its_budget(lengths: list[int], streams: int, budget: int) -> None:
    """A padded batch of several texts has at most a third more tokens than the budget, which rounding adds."""
    for batch in plan(lengths, streams, budget):
        width = max(lengths[number] for number in batch)
        assert len(batch) == 1 or 3 * len(batch) * width <= 4 * budget


@given(LENGTHS, STREAMS)
def test_batches_run_from_long_to_short(lengths: list[int], streams: int) -> None:
    """The longest text comes first, so that none of the streams ends with a long one."""
    found = [lengths[number] for batch in plan(lengths, streams) for number in batch]
    assert found == sorted(lengths, reverse=True)


def test_equal_texts_are_shared_out_among_streams() -> None:
    """Work that fits into one batch is split so that each stream has its part."""
    assert [len(batch) for batch in plan([10] * 64, streams=4)] == [16, 16, 16, 16]


def test_the_number_of_batches_is_a_multiple_of_the_streams() -> None:
    """No stream computes a last batch while the others have none."""
    assert [len(batch) for batch in plan([128] * 40, streams=4)] == [5] * 8


def test_a_text_over_the_budget_is_alone() -> None:
    """A text that is longer than the budget makes a batch by itself."""
    assert [batch.tolist() for batch in plan([5, 2000, 5], streams=1, budget=100)] == [[1], [0, 2]]


def test_a_text_without_tokens_is_in_no_batch() -> None:
    """A model cannot read nothing, so such a text is left out, also when there is no other."""
    assert [batch.tolist() for batch in plan([0, 3, 0], streams=1)] == [[1]]
    assert plan([0, 0], streams=2) == []


def test_no_texts_make_no_batches() -> None:
    """Nothing to do is no batch, not an empty one."""
    assert plan([], streams=4) == []


@given(st.lists(st.lists(st.integers(2, 99), min_size=1, max_size=9), min_size=1, max_size=9), st.data())
def test_padding_is_masked(ids: list[list[int]], data: st.DataObject) -> None:
    """What the mask keeps of each row is the text's ids, and all that it hides is the padding id."""
    batch = np.array(data.draw(st.permutations(range(len(ids)))), dtype=np.int64)
    tokens, mask = pad(ids, batch, pad_id=1)
    assert tokens.shape == mask.shape == (len(ids), max(map(len, ids)))
    assert tokens.dtype == mask.dtype == np.int64
    for row, number in enumerate(batch):
        assert tokens[row, mask[row] == 1].tolist() == ids[number]
        assert mask[row].tolist() == sorted(mask[row].tolist(), reverse=True)
    assert (tokens[mask == 0] == 1).all()
