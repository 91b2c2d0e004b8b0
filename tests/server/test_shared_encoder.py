"""Texts that wait are encoded together, and every caller gets its own vectors."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from semsearch.common.documents import Role
from semsearch.server.shared_encoder import MOST_TOGETHER, share
from tests.support.fake_encoder import FakeEncoder


class SlowEncoder(FakeEncoder):
    """Notes what it encodes together; its first call takes until it is let go."""

    def __init__(self):
        super().__init__()
        self.batches = []
        self.begun, self.let_go = threading.Event(), threading.Event()

    def encode_counted(self, texts, role=None, progress=None):  # noqa: ARG002 - encoders take it
        """As the fake encoder; a text ``bad`` is more than it can take."""
        self.batches.append((list(texts), role))
        self.begun.set()
        assert self.let_go.wait(30)
        if "bad" in texts:
            raise MemoryError("too much")
        return super().encode_counted(texts, role)


@pytest.fixture
def slow():
    """The encoder below the shared one."""
    return SlowEncoder()


def ask_while_busy(slow, calls):
    """The outcomes of calls that come while the encoder is at work on another text."""
    shared = share(slow)
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        first = pool.submit(shared.encode_counted, ["first"])
        assert slow.begun.wait(30)
        others = [pool.submit(shared.encode_counted, *call) for call in calls]
        while shared._waiting.qsize() < sum(len(call[0]) < MOST_TOGETHER for call in calls):
            pass
        slow.let_go.set()
        first.result()
        return others


def test_calls_that_wait_go_together(slow):
    """In one batch, with vectors of their own."""
    calls = [([f"text {number}", f"more {number}"],) for number in range(6)]
    others = ask_while_busy(slow, calls)
    expected = FakeEncoder()
    for call, other in zip(calls, others, strict=True):
        encoded = other.result()
        np.testing.assert_array_equal(encoded.vectors, expected.encode(call[0]))
        assert len(encoded.cut) == len(encoded.unknown) == len(encoded.read) == 2
    assert [len(texts) for texts, _ in slow.batches] == [1, 12]


def test_roles_do_not_mix(slow):
    """A query has another prompt than a document."""
    for other in ask_while_busy(slow, [(["a"], Role.QUERY), (["b"], Role.DOCUMENT), (["c"], Role.QUERY)]):
        other.result()
    together = {role: set(texts) for texts, role in slow.batches[1:]}
    assert together == {Role.QUERY: {"a", "c"}, Role.DOCUMENT: {"b"}}
    assert len(slow.batches) == 3


def test_an_error_is_told_to_those_whose_texts_it_was(slow):
    """Those that were to go with them are encoded by themselves."""
    bad, good = ask_while_busy(slow, [(["bad"],), (["good"],)])
    with pytest.raises(MemoryError, match="too much"):
        bad.result()
    np.testing.assert_array_equal(good.result().vectors, FakeEncoder().encode(["good"]))


def test_many_texts_are_a_batch_of_their_own(slow):
    """They wait for nobody, and nobody for them."""
    shared = share(slow)
    slow.let_go.set()
    shared.encode([f"text {number}" for number in range(MOST_TOGETHER)])
    assert [len(texts) for texts, _ in slow.batches] == [MOST_TOGETHER]
    assert shared.fingerprint == slow.fingerprint
