"""Machines at their limits: memory, clocks, folders that move."""

from __future__ import annotations

import time

import pytest

from semsearch import Collection
from semsearch.common.errors import CollectionNotFoundError, StorageError
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder


class Tight(FakeEncoder):
    """An encoder with memory for a few texts at a time."""

    def __init__(self, room, error):
        super().__init__()
        self.room, self.error = room, error

    def encode_counted(self, texts, role=None):
        """Fails for more texts than there is room for."""
        if len(texts) > self.room:
            raise self.error
        return super().encode_counted(texts, role)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")])
def test_a_batch_that_does_not_fit_into_memory_is_halved(notes, error):
    """All texts are encoded, each once, in order."""
    with Collection.open(notes.path, Tight(3, error)) as collection:
        collection.add([f"bee {n}" for n in range(20)])
        assert collection.encoder.encoded == [f"bee {n}" for n in range(20)]
        assert collection.search("bee 7", k=1)[0].text == "bee 7"


@pytest.mark.parametrize("error", [MemoryError("no room"), RuntimeError("out of memory"), RuntimeError("another")])
def test_memory_for_not_even_one_text_is_the_errors_own_matter(notes, error):
    """What halving cannot help is passed on, and nothing has changed."""
    collection = Collection.open(notes.path, Tight(0, error))
    with pytest.raises(type(error)):
        collection.add(["a bee", "a fly"])
    assert notes.status().documents == 0


def test_a_clock_that_goes_backwards_changes_nothing(notes, monkeypatch):
    """No decision is made by the time of day."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86_400 * 400)
    monkeypatch.setattr(time, "time_ns", lambda: int((now - 86_400 * 400) * 1e9))
    notes.add(["a bee"])
    other = Collection.open(notes.path, FakeEncoder())
    monkeypatch.undo()
    notes.add(["a fly"])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    notes.add(["a wasp"])
    notes.compact()
    assert len(other.search("a")) == 3
    assert verify_folder(notes.path).sound


def test_a_folder_that_is_renamed_while_it_is_open(notes):
    """It is missed under its old name, whole under the new one, and found again when it is back."""
    notes.add(["a bee"])
    notes.search("bee")
    moved = notes.path.rename(notes.path.with_name("moved"))
    for use in (lambda: notes.search("bee"), lambda: notes.add(["a fly"]), notes.status):
        with pytest.raises(CollectionNotFoundError):
            use()
    with Collection.open(moved, FakeEncoder()) as collection:
        collection.add(["a fly"])
    moved.rename(notes.path)
    assert len(notes.search("a")) == 2


def test_a_folder_that_is_renamed_while_it_is_written_to(notes, monkeypatch):
    """The write ends with an error; what was committed is there under the new name, and nothing under the old."""
    monkeypatch.setattr("semsearch.storage.sync.BATCH_DOCUMENTS", 2)
    moved = notes.path.with_name("moved")

    def documents():
        yield from (f"bee {n}" for n in range(6))
        notes.path.rename(moved)
        yield from (f"late bee {n}" for n in range(6))

    with pytest.raises((StorageError, CollectionNotFoundError)):
        notes.add(documents())
    assert not notes.path.exists()
    assert verify_folder(moved).sound
    with Collection.open(moved, FakeEncoder()) as collection:
        assert {hit.text for hit in collection.search("bee", k=100)} <= {f"bee {n}" for n in range(6)}
        assert collection.add(["a last bee"]).added == 1
