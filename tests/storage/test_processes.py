"""Several processes at one collection, and some that are killed."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np

from semsearch import Collection
from tests.support.fake_encoder import cosines

WRITER = """
import semsearch.storage.sync
semsearch.storage.sync.BATCH_DOCUMENTS = 5
name, count = sys.argv[2], int(sys.argv[3])
collection = Collection.open(path, FakeEncoder())
def tell(report):
    print(report.passages, flush=True)
collection.sync((Document(id=f"{name}{n}", text=f"bee {name} {n}") for n in range(count)), progress=tell)
print("done", flush=True)
"""

READER = """
collection = Collection.open(path, FakeEncoder())
for query in sys.stdin:
    print(*sorted(hit.text for hit in collection.search(query, k=1000)), sep="|", flush=True)
"""


def check(collection):
    """The files must hold exactly a committed state, of which every passage can be found; gives the texts."""
    status = collection.status()
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not connection.execute("PRAGMA foreign_key_check").fetchall()
        rows = connection.execute("SELECT rows FROM state").fetchone()[0]
        alive = {row[0] for row in connection.execute("SELECT vector FROM passages")}
        dead = {row[0] for row in connection.execute("SELECT vector FROM dead")}
        ids = {row[0] for row in connection.execute("SELECT id FROM documents")}
    assert alive | dead == set(range(rows))
    assert not alive & dead
    hits = collection.search("bee a 1", k=100_000, mode="dense")
    assert len(hits) == len(alive) == status.passages
    assert {hit.document for hit in hits} == ids
    found = [hit.text for hit in hits]
    if found:
        np.testing.assert_allclose([hit.score for hit in hits], cosines("bee a 1", found), atol=1e-5)
    return sorted(found)


def test_a_reader_sees_a_commit_between_two_queries(notes, start, run):
    """Another process finds what was added, replaced and deleted, at its next query."""
    notes.add(["a bee"])
    reader = start(READER, notes.path)

    def ask():
        reader.stdin.write("bee\n")
        reader.stdin.flush()
        return reader.stdout.readline().strip()

    assert ask() == ask() == "a bee"
    run(WRITER, notes.path, "w", 7)
    assert ask() == "|".join(["a bee", *(f"bee w {n}" for n in range(7))])
    notes.delete([f"w{n}" for n in range(1, 7)])
    assert ask() == "a bee|bee w 0"


def test_two_writers_take_turns(notes, start):
    """Both end well, and all documents of both are there."""
    writers = [start(WRITER, notes.path, name, 60) for name in "ab"]
    for writer in writers:
        out, err = writer.communicate(timeout=60)
        assert out.splitlines()[-1] == "done", err
    assert check(notes) == sorted(f"bee {name} {n}" for name in "ab" for n in range(60))


def test_a_writer_that_is_killed_leaves_a_committed_state(notes, start):
    """Whenever SIGKILL strikes, the next process finds whole batches, and at least those that were reported."""
    chance = random.Random(7)  # noqa: S311 - no secret
    total = 0
    for kill in range(8):
        writer = start(WRITER, notes.path, f"k{kill}-", 100_000)
        reported = 0
        for _ in range(chance.randrange(1, 12)):
            reported = int(writer.stdout.readline())
        time.sleep(chance.random() / 50)
        writer.send_signal(signal.SIGKILL)
        reported = max([reported, *map(int, writer.communicate()[0].split("\n")[:-1])])
        opened = Collection.open(notes.path, notes.encoder)
        found = check(opened)
        count = len(found) - total
        assert count >= reported
        assert count % 5 == 0
        assert {text for text in found if f" k{kill}-" in text} == {f"bee k{kill}- {n}" for n in range(count)}
        total = len(found)
        opened.close()
    assert notes.add(["a last one"]).added == 1
    assert len(check(notes)) == total + 1


def test_a_writer_that_is_killed_between_file_and_commit(notes, run):
    """Rows that were written but not counted are overwritten by the next write."""
    notes.add(["a bee"])
    run(
        """
import os, signal
from semsearch.storage.tables.passages import Passages
Passages.insert = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
import multiprocessing
def write():
    Collection.open(path, FakeEncoder()).add([f"lost {n}" for n in range(50)])
process = multiprocessing.get_context("fork").Process(target=write)
process.start()
process.join()
assert process.exitcode == -signal.SIGKILL
""",
        notes.path,
    )
    row = notes.path.joinpath("vectors-0.f16").stat().st_size // 51
    assert check(notes) == ["a bee"]
    notes.add(["bee two", "bee three"])
    assert notes.path.joinpath("vectors-0.f16").stat().st_size == 3 * row
    assert check(notes) == ["a bee", "bee three", "bee two"]


def test_an_interrupted_writer_keeps_what_was_committed(notes, start):
    """Ctrl-C ends a run with whole batches stored; the same run again encodes only the rest."""
    writer = start(WRITER, notes.path, "i", 100_000)
    for _ in range(3):
        writer.stdout.readline()
    writer.send_signal(signal.SIGINT)
    _, err = writer.communicate(timeout=30)
    assert err.strip().endswith("KeyboardInterrupt")
    found = check(notes)
    assert len(found) >= 15
    assert len(found) % 5 == 0


def test_a_drop_waits_for_the_writer(notes, start):
    """A collection that another process is writing to is dropped when that has ended, and nothing is left."""
    folder = notes.path.parent
    waiting = []

    def documents():
        waiting.append(
            start(
                """
print("ready", flush=True)
try:
    Collection.open(path, FakeEncoder()).drop()
except SemsearchError as error:
    print(type(error).__name__)
""",
                notes.path,
            )
        )
        waiting[0].stdout.readline()
        yield "a bee"
        yield "a fly"

    notes.add(documents())
    waiting[0].communicate(timeout=30)
    assert not list(folder.iterdir())
