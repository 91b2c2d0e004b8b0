"""Two who want to make one collection at the same time: nothing that either has committed is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from semsearch.collection import Collection
from semsearch.storage.locking import writer_lock
from semsearch.storage.store import Store

SEMSEARCH = [sys.executable, "-m", "semsearch"]


def write_lines(name, words):
    """A file of lines, each a document."""
    Path(name).write_text("".join(f"a line about {word}\n" for word in words), encoding="utf-8")
    return name


def test_two_commands_that_make_one_name_both_add(indexes):
    """The one that comes second waits for the first, and adds."""
    files = [write_lines("a.txt", ("herons", "swans")), write_lines("b.txt", ("loans", "banks", "coins"))]
    commands = [[*SEMSEARCH, "index", "notes", file, "--as", "lines"] for file in files]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in processes:
        _, messages = process.communicate(timeout=120)
        assert process.returncode == 0, messages
    with Collection.open(indexes / "notes") as collection:
        assert collection.ids() == ["a.txt:1", "a.txt:2", "b.txt:1", "b.txt:2", "b.txt:3"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_command_leaves_what_another_has_committed(run, indexes, monkeypatch, error):
    """It made the collection, another wrote to it first, and then the one that made it was stopped."""

    sync = Store.sync

    def lose_the_race(*_, **__):
        monkeypatch.setattr(Store, "sync", sync)
        with Collection.open(indexes / "notes") as other:
            other.add(["the other's document"])
        raise error

    monkeypatch.setattr(Store, "sync", lose_the_race)
    assert run("index", "notes", write_lines("a.txt", ["herons"])).exit_code != 0
    with Collection.open(indexes / "notes") as collection:
        assert collection.status().documents == 1
        assert collection.verify().sound


def test_an_interrupted_command_leaves_what_another_is_writing(run, indexes, monkeypatch):
    """It does not wait until the other is done, and takes nothing away from it."""
    held = []

    def lose_the_race(*_, **__):
        lock = writer_lock(indexes / "notes")
        lock.__enter__()
        held.append(lock)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "sync", lose_the_race)
        assert run("index", "notes", write_lines("a.txt", ["herons"])).exit_code != 0
    held[0].__exit__(None, None, None)
    with Collection.open(indexes / "notes") as collection:
        assert collection.add(["one"]).added == 1


def test_an_interrupted_command_leaves_no_empty_collection(run, indexes, monkeypatch):
    """Where nobody has committed anything, there is nothing."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "sync", stop)
    assert run("index", "notes", write_lines("a.txt", ["herons"])).exit_code != 0
    assert not (indexes / "notes").exists()


def test_a_collection_in_the_place_of_the_one_that_was_made_stays(run, indexes, monkeypatch):
    """Somebody has dropped it and made another one: that has nothing in it either, and is not ours."""

    def lose_the_race(*_, **__):
        with Collection.open(indexes / "notes") as other:
            other.drop()
            encoder = other.encoder
        Collection.create(indexes / "notes", encoder).close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "sync", lose_the_race)
    assert run("index", "notes", write_lines("a.txt", ["herons"])).exit_code != 0
    assert (indexes / "notes").exists()


def test_a_search_while_a_collection_is_first_built_says_so(indexes, run):
    """With the documents up to then; not when it is only brought up to date, nor when nobody writes."""
    Collection.create(indexes / "new").add(["A bee.", "A jet."])
    run("index", "known", write_lines("a.txt", ("herons",)))
    assert run("search", "new", "bee").stderr == ""
    with writer_lock(indexes / "new", 0), writer_lock(indexes / "known", 0):
        assert run("search", "new", "bee").stderr == "new is being built; 2 documents so far\n"
        assert run("search", "known", "heron").stderr == ""
