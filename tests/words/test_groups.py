"""Groups of vectors: equal ones, and what an exact computation of the same method gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.words.contexts.groups import group_vectors


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(0, 10_000), st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_equal_vectors_are_in_one_group(seed, rows):
    """However often a vector is there: rounding makes none of them an error, and parts none from its equals."""
    different = np.random.default_rng(seed).normal(size=(6, 384)).astype(np.float32)
    groups = group_vectors(different[rows])
    assert len(groups) == len(rows)
    for row in set(rows):
        assert len({group for group, other in zip(groups.tolist(), rows, strict=True) if other == row}) == 1


def test_clear_groups_are_found():
    """Three heaps far apart are three groups, the largest first."""
    generator = np.random.default_rng(3)
    heaps = np.repeat(np.eye(64, dtype=np.float32)[:3] * 10, [2, 5, 3], axis=0)
    groups = group_vectors(heaps + generator.normal(scale=0.1, size=heaps.shape).astype(np.float32))
    assert groups.tolist() == [2] * 2 + [0] * 5 + [1] * 3
