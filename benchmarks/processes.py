"""Programs in processes of their own, with their time and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SEMSEARCH = str(Path(sys.executable).with_name("semsearch"))


@dataclass(frozen=True, slots=True)
class Finished:
    """``seconds`` of wall time, ``peak_mb`` of resident memory at most, and what was printed."""

    seconds: float
    peak_mb: float
    output: str


def run(*command: str, **environment: str) -> Finished:
    """Run a program to its end; it must end well."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        child = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT)
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
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this benchmark needs Linux: /proc/self/status has no RssAnon")


def median(values: list[float]) -> float:
    return round(statistics.median(values), 4)
