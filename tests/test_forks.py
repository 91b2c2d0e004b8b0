"""Processes made by fork, spawn and forkserver: each searches, and finds what its parent finds, to the bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from semsearch import Collection
from semsearch.encoder import Encoder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

PATIENCE_S = 120
TEXTS = [f"note {number} about bees, flowers and {'interest rates' * (number % 3)}" for number in range(60)]
HEADER = """
import faulthandler, gc, multiprocessing, os, signal, sys, threading
from functools import partial
faulthandler.register(signal.SIGALRM, chain=True)  # a test must fail, not hang
signal.alarm(80)
from semsearch import Collection, Encoder
from semsearch.common.errors import SemsearchError

path, runtime = sys.argv[1:3]
QUERIES = ["what do bees do", "the price of money", "a flower"]

def load():
    if runtime == "fake":
        from tests.support.fake_encoder import FakeEncoder
        return FakeEncoder()
    return Encoder.load(runtime=runtime, precision="f32")

def ask(collection):
    alone = [[(hit.text, hit.score) for hit in collection.search(query, k=20)] for query in QUERIES]
    many = [[(hit.text, hit.score) for hit in hits] for hits in collection.search_many(QUERIES * 30, k=5)]
    return alone, many

def open_and_ask():
    with Collection.open(path, load()) as opened:
        return ask(opened)

def forked(work, end=os._exit):
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(60)
    try:
        work()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    end(0)

def wait(*pids):
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0

def expect(expected, get):
    signal.alarm(60)
    assert get() == expected
"""


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """A collection with vectors of the packaged model."""
    path = tmp_path_factory.mktemp("forks") / "notes"
    with Collection.create(path, encoder) as collection:
        collection.add(TEXTS)
    return path


@pytest.fixture(scope="session")
def fake_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an encoder that costs nothing."""
    from tests.support.fake_encoder import FakeEncoder

    path = tmp_path_factory.mktemp("forks") / "fake"
    with Collection.create(path, FakeEncoder()) as collection:
        collection.add(TEXTS)
    return path


def run(script: str, path: Path, runtime: str, tmp_path: Path) -> None:
    """Run a program to its end, which must come, and be a good one without a word."""
    program = tmp_path / "program.py"
    program.write_text(HEADER + script, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command, pipes = (
        [sys.executable, program, str(path), runtime],
        {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
    )
    process = subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:  # what hangs, with all its children
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out, err) == (0, "done\n", "")


INHERITED = """
if __name__ == "__main__":
    collection = Collection.open(path, load())
    expected = ask(collection)
    context = multiprocessing.get_context("fork")
    ways = partial(ask, collection), open_and_ask
    children = [context.Process(target=expect, args=(expected, get)) for get in ways]
    for child in children:
        child.start()
    assert ask(collection) == expected
    for child in children:
        child.join()
        assert child.exitcode == 0
    print("done")
"""
OPENED_ONLY = """
collection = Collection.open(path, None if runtime == "openvino" else load())
pid = forked(lambda: expect(ask(collection), open_and_ask), end=sys.exit)
wait(pid)
print("done")
"""
STARTED = """
if __name__ == "__main__":
    expected = open_and_ask()
    for method in ("spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        child = context.Process(target=expect, args=(expected, open_and_ask))
        child.start()
        child.join()
        assert child.exitcode == 0, method
    print("done")
"""
PRELOADED = """
collection = Collection.open(path, load())
expected = ask(collection)
stop, busy = threading.Event(), []

def serve(times):
    for _ in range(times):
        expect(expected, partial(ask, collection))

def work():
    failed = []
    def one():
        try:
            serve(2)
        except BaseException as error:
            failed.append(error)
            raise
    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    serve(2)
    for thread in threads:
        thread.join()
    assert not failed
    gc.collect()

def go_on():
    while not stop.is_set():
        serve(1)
    busy.append(True)

others = [threading.Thread(target=go_on) for _ in range(2)]
for other in others:
    other.start()
workers = [forked(work, end) for end in (os._exit, sys.exit)]
serve(2)
wait(*workers)
stop.set()
for other in others:
    other.join()
assert busy == [True, True]
serve(1)
print("done")
"""
SCRIPTS = {"inherited": INHERITED, "opened only": OPENED_ONLY, "spawn": STARTED, "preloaded": PRELOADED}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_children_find_what_their_parent_finds(script: str, fake_notes: Path, tmp_path: Path) -> None:
    """Whoever opened the collection, and however the process was made."""
    run(script, fake_notes, "fake", tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, id=name, marks=() if name == "inherited" else pytest.mark.long)
        for name, script in SCRIPTS.items()
    ],
)
def test_children_find_the_same_with_openvino(script: str, notes: Path, tmp_path: Path) -> None:
    """The child compiles the model for itself, without a word of any library."""
    run(script, notes, "openvino", tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, id=name, marks=() if name == "inherited" else pytest.mark.long)
        for name, script in SCRIPTS.items()
    ],
)
def test_children_find_the_same_with_torch(script: str, notes: Path, tmp_path: Path) -> None:
    """Torch's threads, which do not come through a fork, are made anew."""
    run(script, notes, "torch", tmp_path)
