"""Programs in processes of their own, with their time and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SEMSEARCH = str(Path(sys.executable).with_name("semsearch"))


@dataclass(frozen=True, slots=True)
class Finished:
    """``seconds`` of wall time, ``peak_mb`` of resident memory at most, and what was printed.

    ``own_mb`` is the most of it that no file backs, looked at ten times a second.
    """

    seconds: float
    peak_mb: float
    own_mb: float
    output: str


def run(*command: str, **environment: str) -> Finished:
    """Run a program to its end; it must end well.

    Modules are compiled once, as those of an installed package are, whatever the environment says of bytecode.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        child = subprocess.Popen(command, env=own | environment, stdout=output, stderr=subprocess.STDOUT)
        with OwnPeak(child.pid, 0.1) as own:
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}: {text[-2000:]}")
    return Finished(seconds, usage.ru_maxrss / 1024, own.mb, text)


def private_mb(process: int | str = "self") -> float:
    """Memory of a process that no file backs, in MB; nothing of one that has ended."""
    return _status("RssAnon:", process)


def peak_mb() -> float:
    """Most resident memory of this process up to now, in MB, mapped files included.

    What the system tells of a child that has ended is never less than its parent had when it began.
    """
    return _status("VmHWM:")


class OwnPeak:
    """``mb``: most of :func:`private_mb` while the block runs, looked at every ``pause`` seconds."""

    def __init__(self, process: int | str = "self", pause: float = 0.01) -> None:
        self._process, self._pause = process, pause

    def __enter__(self) -> Self:
        self.mb = private_mb(self._process)
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(self._pause):
            self.mb = max(self.mb, private_mb(self._process))


def _status(field: str, process: int | str = "self") -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        if process != "self":
            return 0.0
        raise SystemExit("this benchmark needs Linux: there is no /proc/self/status") from None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def median(values: list[float]) -> float:
    return round(statistics.median(values), 4)
