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
