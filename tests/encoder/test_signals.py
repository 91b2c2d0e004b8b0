"""Ctrl-C reaches a program that has used encoders."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Python = Callable[..., subprocess.CompletedProcess[str]]
INTERRUPTED = """
import os, signal, threading, time
from semsearch.encoder import Encoder

def load():
    return Encoder.load(runtime="openvino", precision="f32")

{use}
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
USES = {
    "kept": "kept = load()",
    "dropped in order": "first, second = load(), load(); del first; del second",
    "dropped by another thread": """
held = [load()]
dropping = threading.Thread(target=held.clear)
dropping.start()
dropping.join()
""",
    "loaded by another thread": """
held = []
loading = threading.Thread(target=lambda: held.append(load()))
loading.start()
loading.join()
held.clear()
""",
}


@pytest.mark.skipif(not hasattr(signal, "sigwait"), reason="needs POSIX signals")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_interrupt_raises(python: Python, cache_folder: Path, use: str) -> None:
    """However encoders were loaded and dropped, a signal ends in KeyboardInterrupt, not in a crash."""
    done = python(INTERRUPTED.format(use=use), env={**os.environ, "SEMSEARCH_CACHE": str(cache_folder)})
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


ENCODING = """
import random, signal, sys
import numpy as np
from semsearch.encoder import Encoder

encoder = Encoder.load(runtime="openvino", precision="f32", threads=2)
texts = [f"text number {number} " + "of some words " * (number % 9) for number in range(60)]
single, many = encoder.encode(texts[:1]), encoder.encode(texts)
handled = []
def handle(*_):
    handled.append(np.abs(encoder.encode(texts[:1]) - single).max())
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 1e-2))
signal.signal(signal.SIGALRM, handle)
fresh = Encoder.load(runtime="openvino", precision="f32", threads=2)
signal.setitimer(signal.ITIMER_REAL, 1e-4)
apart = [np.abs(fresh.encode_tokens(texts[:1])[0].vectors.mean()) * 0]
while len(handled) < 60:
    apart.append(np.abs(fresh.encode(texts) - many).max())
signal.setitimer(signal.ITIMER_REAL, 0)
print(max(apart + handled) < 1e-4)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_handler_may_encode_while_its_thread_does(python: Python, cache_folder: Path) -> None:
    """Wherever it interrupts, nothing hangs, and both get their vectors."""
    done = python(ENCODING, env={**os.environ, "SEMSEARCH_CACHE": str(cache_folder)})
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
