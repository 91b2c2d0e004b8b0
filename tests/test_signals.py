"""Searches in a signal handler, which may come between any two steps of another search."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="interval timers are POSIX")

PROGRAM = """
import faulthandler, signal, sys, tempfile, time
from semsearch import Collection, Encoder
from tests.support.fake_encoder import FakeEncoder
faulthandler.dump_traceback_later(60, exit=True)
encoder = FakeEncoder() if sys.argv[1] == "fake" else Encoder.load(runtime=sys.argv[1])
handled, within, wrong = 0, False, []

def ask():
    nearest = collection.search("a heron at lake 7", k=3, mode="dense")
    best = collection.search("a heron at lake 7", k=1)  # whose score depends on what else there is
    return [(hit.document, hit.score) for hit in nearest], [hit.document for hit in best]

def handle(*_):
    global handled, within
    if within:
        return
    within = True
    try:
        if ask() != expected:
            wrong.append("other hits in the handler")
        handled += 1
    except Exception as error:
        wrong.append(repr(error))
    finally:
        within = False

with Collection.create(tempfile.mkdtemp() + "/notes", encoder) as collection:
    collection.add([f"a heron at lake {n}" for n in range(200)])
    expected = ask()
    signal.signal(signal.SIGALRM, handle)
    end, rounds = time.monotonic() + float(sys.argv[2]), 0
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.00731)
    while time.monotonic() < end:
        if rounds % 9 == 4:
            collection.add([f"a stone {rounds % 50}"])
        if ask() != expected:
            wrong.append("other hits")
        rounds += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
print(rounds, handled, wrong[:3], sep="|")
"""


@pytest.mark.parametrize(
    ("encoder", "seconds"), [("fake", 4), ("openvino", 3), pytest.param("torch", 30, marks=pytest.mark.long)]
)
def test_a_signal_handler_may_search(encoder, seconds):
    """Neither waits for the other, and both find what there is, whatever the handler has interrupted."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, encoder, str(seconds)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rounds, handled, wrong = done.stdout.strip().split("|")
    assert wrong == "[]"
    assert int(rounds) > 5
    assert int(handled) > 5
