"""Encoders and forks: what a child must not use, and what a parent keeps."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from semsearch.common.environment import core_count
from semsearch.common.errors import DeviceError
from semsearch.encoder import Encoder
from semsearch.encoder.tokenizer import PARALLELISM

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def on_torch(small_bert: Path) -> Encoder:
    """A small model on torch."""
    return Encoder.load(small_bert, runtime="torch", precision="f32")


def test_a_gpu_of_the_parent_is_refused_at_once(on_torch: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another process than that which put the model on a GPU, encoding is an error that names spawn."""
    monkeypatch.setattr(on_torch._runtime, "device", "cuda")
    monkeypatch.setattr(on_torch._runtime, "_process", os.getpid() - 1)
    with pytest.raises(DeviceError, match=r"'cuda' was used before this process was forked.*'spawn'"):
        on_torch.encode(["a bee"])
    with pytest.raises(DeviceError, match="spawn"):
        on_torch.static_vectors()


@pytest.mark.skipif(core_count() < 2, reason="one thread computes as one thread")
def test_the_threads_of_faiss_do_not_change_vectors(small_bert: Path) -> None:
    """FAISS and torch may share OpenMP, in which each thread has one number of threads for both."""
    import faiss
    import torch

    encoder = Encoder.load(small_bert, runtime="torch", precision="f32", threads=2)
    texts = ["a bee has wings"]
    before = encoder.encode(texts)
    faiss.omp_set_num_threads(1)
    np.testing.assert_array_equal(encoder.encode(texts), before)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("chosen", [None, "true"])
def test_the_parent_keeps_its_choice_of_parallelism(
    on_torch: Encoder, chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children of a fork tokenize in one thread, whatever was chosen; the parent as before."""
    monkeypatch.delenv(PARALLELISM, raising=False)
    if chosen:
        monkeypatch.setenv(PARALLELISM, chosen)
    on_torch.tokenize(["a bee"] * 100)
    pid = os.fork()
    if not pid:
        os._exit(0 if os.environ.get(PARALLELISM) == "false" else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert os.environ.get(PARALLELISM) == chosen
