"""The parent's side: files go to a child process, which is replaced when it crashes or takes too long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from semsearch.common.errors import MissingExtraError, RecordError
from semsearch.common.forks import renew_in_child
from semsearch.ingest.extraction.parts import Part

__all__ = ["Extractor"]

PROGRAM = ("-m", "semsearch.ingest.extraction.child")
MOST_SECONDS = 120.0
"""For one file; a book of a thousand pages takes ten."""


class Extractor:
    """A child process that extracts files, started when it is first needed. Threads take turns."""

    def __init__(self, seconds: float = MOST_SECONDS, program: Sequence[str] = PROGRAM) -> None:
        """``program`` is what Python is given to run; a file may take so many ``seconds``."""
        self._seconds = seconds
        self._program = program
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        renew_in_child(self)

    def after_fork(self) -> None:
        """A forked process has a child of its own."""
        self._lock, self._child = threading.Lock(), None

    def extract(self, module: str, data: bytes) -> list[Part]:
        """The parts of a file, by the module of this name under ``kinds``.

        Raises :class:`RecordError` for a file that cannot be read, that crashes the child or takes too long, and
        :class:`MissingExtraError` if a library is not installed.
        """
        with self._lock:
            answer = self._ask(module, data)
        if "missing" in answer:
            raise MissingExtraError(answer["missing"])
        if "error" in answer:
            raise RecordError(answer["error"])
        return [Part(**part) for part in answer["parts"]]

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _ask(self, module: str, data: bytes) -> dict[str, Any]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = _start(self._program)
        child = self._child
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            child.kill()

        timer = threading.Timer(self._seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            return _exchange(child, module, data)
        except (OSError, ValueError) as error:
            self.close()
            if is_late.is_set():
                reason = f"takes more than {self._seconds:g} seconds to be read; split it, or leave it out"
            else:
                reason = "makes its reader crash; it may be damaged: save it anew"
            raise RecordError(reason) from error
        except BaseException:  # what the child is at would be taken for the answer to the next file
            self.close()
            raise
        finally:
            timer.cancel()


def _start(program: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - Python itself, and this program
        [sys.executable, *program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # Ctrl-C is the parent's to answer
    )


def _exchange(child: subprocess.Popen[bytes], module: str, data: bytes) -> dict[str, Any]:
    """Send a file and read the answer; raises OSError or ValueError if the child has ended."""
    assert child.stdin
    assert child.stdout
    child.stdin.write(json.dumps({"module": module, "size": len(data)}).encode() + b"\n")
    child.stdin.write(data)
    child.stdin.flush()
    size = int(child.stdout.readline())  # nothing is no number
    answer = child.stdout.read(size)
    if len(answer) < size:
        raise ValueError("the answer is cut off")
    found: dict[str, Any] = json.loads(answer)
    return found
