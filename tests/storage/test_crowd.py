"""Several readers and writers at once, as processes and as threads."""

from __future__ import annotations

import threading

import pytest

from semsearch import Collection
from semsearch.common.errors import LockedError, StorageError
from semsearch.storage import locking
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.crowd_harness import crowd
from tests.support.fake_encoder import FakeEncoder


@pytest.mark.parametrize(("readers", "seconds"), [(3, 3), pytest.param(8, 60, marks=pytest.mark.long)])
def test_readers_see_whole_states_while_a_writer_writes(tmp_path, readers, seconds):
    """No query fails, mixes two states or goes back to an earlier one, and no file of an old state is left."""
    writer, *others = crowd(tmp_path / "notes", readers, seconds)
    assert [problem for one in (writer, *others) for problem in one["wrong"]] == []
    assert writer["commits"] > 1
    assert all(one["queries"] > 1 for one in others)
    assert verify_folder(tmp_path / "notes").sound
    assert len(list((tmp_path / "notes").glob("vectors-*"))) == 1


HOLD = """
collection = Collection.open(path, FakeEncoder())
def documents():
    print("writing", flush=True)
    sys.stdin.readline()
    yield "a bee"
collection.add(documents())
"""


def test_a_second_writer_says_that_it_waits_and_gives_up(caplog, notes, start):
    """It tells so at once, fails after its timeout with the way out, and has changed nothing."""
    writer = start(HOLD, notes.path)
    assert writer.stdout.readline() == "writing\n"
    impatient = Collection.open(notes.path, notes.encoder, timeout=0.05)
    with pytest.raises(LockedError, match="--timeout"):
        impatient.add(["a fly"])
    assert len(caplog.messages) == 1
    assert "waiting up to 0.05 s" in caplog.messages[0]
    release = threading.Timer(0.1, lambda: print("go", file=writer.stdin, flush=True))
    release.start()
    assert notes.add(["a fly"]).added == 1
    release.join()
    assert sorted(hit.text for hit in Collection.open(notes.path, FakeEncoder()).search("a", mode="dense")) == [
        "a bee",
        "a fly",
    ]


def test_a_file_system_without_locks_is_noticed(notes, monkeypatch):
    """Where a lock is granted twice, or not known, writing is refused and the reason is given; reading goes on."""
    import errno
    import fcntl

    notes.add(["a bee"])
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.raises(StorageError, match="no file locks"):
        notes.add(["a fly"])

    def unknown(*_):
        raise OSError(errno.ENOSYS, "not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with pytest.raises(StorageError, match="no file locks"):
        notes.add(["a fly"])
    assert [hit.text for hit in notes.search("bee", mode="dense")] == ["a bee"]
    assert locking.LOCK_SECONDS > 1
