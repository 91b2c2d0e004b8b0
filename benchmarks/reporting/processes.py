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
    """``seconds`` of wall time, ``peak_mb`` of resident memory at most, and what was printed."""

    seconds: float
    peak_mb: float
    output: str


def run(*command: str, **environment: str) -> Finished:
    """Run a program to its end; it must end well.

    Modules are compiled once, as those of an installed package are, whatever the environment says of bytecode.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        child = subprocess.Popen(command, env=own | environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}: {text[-2000:]}")
    return Finished(seconds, usage.ru_maxrss / 1024, text)


def private_mb() -> float:
    """Memory of this process that no file backs, in MB."""
    return _status("RssAnon:")


def peak_mb() -> float:
    """Most resident memory of this process up to now, in MB, mapped files included.

    What the system tells of a child that has ended is never less than its parent had when it began.
    """
    return _status("VmHWM:")


class OwnPeak:
    """``mb``: most of :func:`private_mb` while the block runs, looked at a hundred times a second."""

    def __enter__(self) -> Self:
        self.mb = private_mb()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.mb = max(self.mb, private_mb())


def _status(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"this benchmark needs Linux: /proc/self/status has no {field}")


def median(values: list[float]) -> float:
    return round(statistics.median(values), 4)
