"""One collection, one embedding space: drifted numbers are noticed, and another model re-encodes in place."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from semsearch import Collection, Document
from semsearch.common.errors import CollectionError, SpaceMismatchError
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder, cosines


class Drifted(FakeEncoder):
    """The same model by its fingerprint, with other numbers."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def encode(self, texts, role=None):
        """Changed vectors."""
        return self.change(super().encode(texts, role)).astype(np.float32)


def rounded(vectors):
    """As in bf16: eight bits of precision."""
    bits = np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def coarse(vectors):
    """As of weights of a few levels."""
    step = np.abs(vectors).max() / 4
    return np.round(vectors / step) * step


@pytest.mark.parametrize(
    "change", [lambda v: -v, lambda v: v[:, ::-1], lambda v: v + 1, lambda v: v * np.nan, coarse, lambda v: v * 0]
)
def test_an_encoder_that_has_drifted_may_not_write(notes, change):
    """It is refused with the way out, and nothing has changed; searching is not hindered."""
    notes.add(["a bee"])
    collection = Collection.open(notes.path, Drifted(change))
    with pytest.raises(SpaceMismatchError, match="--reencode"):
        collection.add(["a fly"])
    assert [hit.text for hit in notes.search("bee", mode="dense")] == ["a bee"]


@pytest.mark.parametrize("change", [lambda v: v, rounded, lambda v: v * 2])
def test_another_precision_of_floats_may_write(notes, change):
    """bf16 passes for f32; the length of a vector does not matter."""
    with Collection.open(notes.path, Drifted(change)) as collection:
        assert collection.add(["a fly"]).added == 1


def other(**named):
    """Another model, of another dimension."""
    return FakeEncoder(dimension=24, name="other", fingerprint="e" * 32, **named)


def test_another_model_encodes_everything_again_in_place(notes):
    """Documents stay, scores are the new model's, and the collection is sound and can be written to."""
    notes.add([Document(f"bee {n}", id=f"d{n}", metadata={"n": n}) for n in range(30)])
    notes.delete(["d3"])
    with Collection.open(notes.path) as collection:
        report = collection.reencode(other())
        assert (report.added, report.passages) == (29, 29)
        hits = collection.search("bee 7", k=100, mode="dense")
        assert {hit.document for hit in hits} == {f"d{n}" for n in range(30) if n != 3}
        assert [hit.score for hit in hits] == pytest.approx(
            cosines("bee 7", [hit.text for hit in hits], dimension=24), abs=1e-5
        )
        assert collection.add(["a fly"]).added == 1
        assert collection.status().dimension == 24
    assert verify_folder(notes.path).sound
    assert not (notes.path / ".reencode").exists()


def test_who_has_the_collection_open_is_told_of_another_model(notes):
    """Neither a search nor a write with the old model passes for one of the new."""
    notes.add(["a bee"])
    notes.search("bee", mode="dense")
    with Collection.open(notes.path) as collection:
        collection.reencode(other())
    for use in (lambda: notes.search("bee", mode="dense"), lambda: notes.add(["a fly"]), lambda: notes.similar("x")):
        with pytest.raises(CollectionError, match="open it again"):
            use()
    with pytest.raises(SpaceMismatchError):
        Collection.open(notes.path, FakeEncoder())


def test_a_stopped_run_serves_the_old_state_and_is_taken_up(notes):
    """What was encoded before the stop is not encoded again; changes made meanwhile are followed."""
    notes.add([Document(f"bee {n}", id=f"d{n}") for n in range(20)])

    def stop(_):
        raise KeyboardInterrupt

    with Collection.open(notes.path) as collection, pytest.raises(KeyboardInterrupt):
        collection.reencode(other(), progress=stop)
    assert len(notes.search("bee", k=100, mode="dense")) == 20
    assert verify_folder(notes.path).sound
    notes.delete(["d1"])
    notes.add([Document("bee new", id="d2")])
    notes.compact()
    encoder = other()
    with Collection.open(notes.path) as collection:
        collection.reencode(encoder)
        assert encoder.encoded == ["bee new"]
        assert sorted(hit.text for hit in collection.search("bee", k=100, mode="dense")) == sorted(
            ["bee new", *(f"bee {n}" for n in range(20) if n not in (1, 2))]
        )
    assert verify_folder(notes.path).sound


REENCODING = """
import os, signal
from tests.support.kill_harness import Faults, forked
def work():
    with Collection.open(path) as collection:
        encoder = FakeEncoder(dimension=24, name="other", fingerprint="e" * 32)
        faults = Faults(int(sys.argv[2]), None)
        collection.reencode(encoder)
        os.write(1, b"%d " % faults.count)
print(forked(work))
"""
STEPS = 30
"""Durable steps of a re-encoding in all, as the next test says."""


def fill(notes):
    """Five documents."""
    notes.add([Document(f"bee {n}", id=f"d{n}") for n in range(5)])
    notes._store.close()


def test_a_run_has_so_many_durable_steps(notes, run):
    """Nobody kills it, and each is counted; the kills below are of all of them."""
    fill(notes)
    assert run(REENCODING, notes.path, 1000).split() == [str(STEPS), "0"]


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=() if step % 3 == 1 or step > 24 else pytest.mark.long) for step in range(1, STEPS + 1)],
)
def test_a_run_that_is_killed_leaves_the_old_state_or_the_new(notes, run, step):
    """Wherever it is killed, searches with the model of the state that is there find everything."""
    fill(notes)
    assert int(run(REENCODING, notes.path, step)) == -signal.SIGKILL
    stored = Collection.open(notes.path)._store.definition.encoder
    encoder = other() if stored.dimension == 24 else FakeEncoder()
    with Collection.open(notes.path, encoder) as collection:
        assert len(collection.search("bee", k=100, mode="dense")) == 5
        collection.reencode(other())
        assert len(collection.search("bee", k=100, mode="dense")) == 5
    assert verify_folder(notes.path).sound
    assert not list(notes.path.glob(".reencode*"))


LEFT = """
import os, shutil
from tests.support.kill_harness import forked
def work():
    with Collection.open(path) as collection:
        shutil.rmtree = lambda path, **_: path.exists() and os._exit(7)
        collection.reencode(FakeEncoder(dimension=24, name="other", fingerprint="e" * 32))
print(forked(work))
"""


def stop(_):
    """The progress of a run that is stopped after its first commit."""
    raise KeyboardInterrupt


def leave_finished(notes, run):
    """A run of the model ``other`` that dies between its commit and the removal of its scratch folder."""
    with Collection.open(notes.path) as collection, pytest.raises(KeyboardInterrupt):
        collection.reencode(other(), progress=stop)  # so that the next run has nothing to remove before it
    assert int(run(LEFT, notes.path)) == 7
    assert (notes.path / ".reencoded").exists()


def test_what_a_death_after_the_swap_leaves_is_shared_with_nobody(notes, run):
    """Another run, which dies too, does not write into the committed vectors."""
    fill(notes)
    leave_finished(notes, run)
    committed = {file.stat().st_ino for file in notes.path.iterdir() if file.is_file()}
    assert committed.isdisjoint(file.stat().st_ino for file in (notes.path / ".reencoded").iterdir())
    (notes.path / ".reencoded").rename(notes.path / ".reencode")  # as a death just before the rename leaves it
    with Collection.open(notes.path) as collection, pytest.raises(KeyboardInterrupt):
        collection.reencode(FakeEncoder(dimension=24, name="third", fingerprint="d" * 32), progress=stop)
    with Collection.open(notes.path, other()) as collection:
        hits = collection.search("bee 3", k=100, mode="dense")
        texts = [hit.text for hit in hits]
        assert [hit.score for hit in hits] == pytest.approx(cosines("bee 3", texts, dimension=24), abs=1e-5)
    assert {finding.part for finding in verify_folder(notes.path).findings} <= {"file"}


def test_a_finished_run_is_swept_by_the_next_write_and_one_that_is_not_done_stays(notes, run):
    """A write tells the two apart by the encoder."""
    fill(notes)
    with Collection.open(notes.path) as collection, pytest.raises(KeyboardInterrupt):
        collection.reencode(other(), progress=stop)
    notes.add(["a fly"])
    assert (notes.path / ".reencode").exists()
    notes._store.close()
    leave_finished(notes, run)
    with Collection.open(notes.path, other()) as collection:
        collection.add(["a wasp"])
    assert not list(notes.path.glob(".reencode*"))
