"""A collection whose process forks: the child reads and writes by connections of its own, or hears that it cannot."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

HELPERS = """
import os, signal, threading
from semsearch.common import forks
from semsearch.common.errors import CollectionError
collection = Collection.open(path, FakeEncoder())
texts = lambda opened: sorted(hit.text for hit in opened.search("bee", k=100))

def child(work):
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return pid

def wait(pid):
    assert os.waitpid(pid, 0)[1] == 0

def is_refused(opened):
    try:
        opened().search("bee")
    except CollectionError as error:
        return "forked from" in str(error)
"""


def test_commits_of_either_are_seen_by_the_other(notes, run):
    """After the fork, parent and child take turns at writing, and each finds what the other has committed."""
    notes.add(["bee 0"])
    run(
        HELPERS
        + """
texts(collection)
(to_child, from_parent), (to_parent, from_child) = os.pipe(), os.pipe()
def work():
    for number in range(1, 6):
        os.read(to_child, 1)
        assert f"bee parent {number}" in texts(collection)
        collection.add([f"bee child {number}"])
        os.write(from_child, b"x")
    return True
pid = child(work)
for number in range(1, 6):
    collection.add([f"bee parent {number}"])
    collection._store.close()  # the last connection of a process closes; the log of the other must stay
    os.write(from_parent, b"x")
    os.read(to_parent, 1)
    assert f"bee child {number}" in texts(collection)
wait(pid)
assert len(texts(collection)) == 11
""",
        notes.path,
    )
    assert len(notes.search("bee", k=100, mode="dense")) == 11
    assert notes.verify().sound


def test_no_connection_is_carried_by_a_fork(notes, run):
    """Idle connections, those of other threads among them, are closed before; both processes open new ones."""
    notes.add(["a bee"])
    run(
        HELPERS
        + """
from pathlib import Path
def files():
    links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return [str(link.readlink()) for link in links if link.exists() and "collection.db" in str(link.readlink())]
asked, stop = threading.Event(), threading.Event()
def ask():
    texts(collection)
    asked.set()
    stop.wait(30)
    assert texts(collection) == ["a bee"]
other = threading.Thread(target=ask)
other.start()
asked.wait(30)
texts(collection)
assert not os.path.isdir("/proc/self/fd") or files()
pid = child(lambda: not os.path.isdir("/proc/self/fd") or not files())
wait(pid)
stop.set()
other.join()
assert texts(collection) == ["a bee"]
""",
        notes.path,
    )


@pytest.mark.parametrize("how", ["collection", "Collection.open(path, FakeEncoder())"])
def test_a_fork_during_a_write_or_a_read_is_refused_in_the_child(notes, run, how):
    """While the forking thread itself writes or reads, the child gets an error with advice, and the parent goes on."""
    notes.add(["a bee"])
    run(
        HELPERS
        + f"""
forks.PATIENCE_S = 0.1
opened = lambda: {how}
def documents():
    yield "bee 1"
    wait(child(lambda: is_refused(opened)))
    yield "bee 2"
collection.add(documents())
assert texts(collection) == ["a bee", "bee 1", "bee 2"]
with collection._store.pinned():
    wait(child(lambda: is_refused(opened)))
    assert len(texts(collection)) == 3
wait(child(lambda: len(texts(opened())) == 3))
""",
        notes.path,
    )
    assert notes.verify().sound


def test_an_index_is_built_in_a_child(notes, run):
    """A child builds an index with all threads after its parent has done so."""
    notes.add([f"bee {number} {number * 7}" for number in range(500)])
    run(
        HELPERS
        + """
collection.tune(factory="IVF4,Flat")
collection.compact()
def work():
    collection.tune(factory="IVF8,Flat")
    collection.compact()
    return len(texts(collection)) == 100 and collection.status().indexed == 500
pid = child(work)
wait(pid)
assert len(texts(collection)) == 100
""",
        notes.path,
    )
