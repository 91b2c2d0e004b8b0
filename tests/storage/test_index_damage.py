"""Indexes that are lost, or change under a reader: never a wrong answer, never a false alarm."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from semsearch import Collection, Document
from semsearch.common.errors import DamagedError, DamagedIndexWarning
from semsearch.index import Part
from semsearch.storage.snapshot import SnapshotLoader
from tests.support.index_helpers import check_alive, documents, stamps
from tests.support.opened import snapshot_of


def test_a_reader_keeps_its_state_across_a_compaction(indexed, fake):
    """Who has begun to read searches the old files to the end, though they are gone from the folder."""
    other = Collection.open(indexed.path, fake)
    query = np.asarray(fake.encode(["bee3 wing3 sky3"]))
    with other._store.pinned() as pinned:
        before = pinned.search(query, 20)
        indexed.delete([f"d{n}" for n in range(50)])
        indexed.compact()
        assert list(stamps(indexed, "vectors*")) == ["vectors-1.f16"]
        for exact in (False, True):
            np.testing.assert_allclose(pinned.search(query, 20, exact=exact)[0], before[0], atol=0.2)
        passages = other._store.passages(before[1][0].tolist())
        assert {one.document.id for one in passages.values()} & {f"d{n}" for n in range(50)}
    check_alive(other, [f"d{n}" for n in range(50, 100)])


@pytest.mark.parametrize("swap", ["compact", "renew"])
def test_a_reader_that_comes_between_two_states_sees_no_damage(indexed, fake, monkeypatch, swap):
    """When files vanish between reading the state and opening them, a second look finds the new ones, silently."""
    other = Collection.open(indexed.path, fake)
    indexed.delete(["d0"])
    load, looks = SnapshotLoader.load, []

    def slow(*arguments):
        looks.append(1)
        if len(looks) == 1:
            if swap == "compact":
                indexed.compact()
            else:
                indexed.add(documents(100, 125))
        return load(*arguments)

    monkeypatch.setattr(SnapshotLoader, "load", slow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hits = other.search("bee3 wing3 sky3", 1000, mode="dense")
    assert len(looks) > 1
    assert len(hits) == (99 if swap == "compact" else 124)
    assert snapshot_of(other).damage is None


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("damage", ["short", "flipped", "earlier", "missing", "folder"])
def test_a_damaged_index_gives_right_answers_and_is_rebuilt(caplog, indexed, fake, damage, number):
    """Searches warn once and are exact; the next write tells, and builds the damaged part again."""
    old = {name: (indexed.path / name).read_bytes() for name in stamps(indexed)}
    indexed.compact()
    files = sorted(stamps(indexed), key=lambda name: int(name.rsplit("-", 1)[1][:-6]))
    file = indexed.path / files[number]
    content = bytearray(file.read_bytes())
    file.unlink()
    if damage == "short":
        file.write_bytes(content[:-9])
    elif damage == "flipped":
        content[len(content) // 2] ^= 4
        file.write_bytes(content)
    elif damage == "earlier":
        file.write_bytes(list(old.values())[1 - number])
    elif damage == "folder":
        file.mkdir()
    reader = Collection.open(indexed.path, fake)
    with pytest.warns(
        DamagedIndexWarning, match=rf"{file.name} is damaged or missing.*semsearch compact notes"
    ) as seen:
        check_alive(reader, [f"d{n}" for n in range(100)])
    assert len(seen) == 1
    if damage == "folder":
        file.rmdir()
    reader.sync([Document(id="d100", text="bee100")])
    assert any("damaged or missing: rebuilding" in line for line in caplog.messages)
    assert (reader.status().indexed, reader.status().tail) == (101, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_alive(Collection.open(indexed.path, fake), [f"d{n}" for n in range(101)])


def test_a_damaged_index_can_be_tuned_and_compacted(indexed, fake):
    """Neither stumbles over the file that is missing."""
    for file in stamps(indexed):
        (indexed.path / file).unlink()
    opened = Collection.open(indexed.path, fake)
    opened.tune(recall=0.9)
    opened.compact()
    assert (opened.status().indexed, len(stamps(opened))) == (100, 2)
    check_alive(opened, [f"d{n}" for n in range(100)])


def test_a_vector_file_that_is_too_short_is_an_error(indexed, fake):
    """Without the rows there is no answer: the message names the file and what to run."""
    file = indexed.path / "vectors-0.f16"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DamagedError, match=r"vectors-0\.f16 .*100 committed rows.*semsearch verify notes"):
        Collection.open(indexed.path, fake).search("bee", mode="dense")


def test_a_build_that_fails_leaves_what_was_committed(indexed, monkeypatch):
    """When the index cannot be written the documents are there all the same, and the next write goes on."""
    files = stamps(indexed)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Part, "write", full)
        with pytest.raises(Exception, match="free space"):
            indexed.add(documents(100, 125))
        with pytest.raises(Exception, match="free space"):
            indexed.compact()
    assert stamps(indexed) == files
    check_alive(indexed, [f"d{n}" for n in range(125)])
    indexed.add(documents(125, 126))
    assert indexed.status().indexed == 126
