"""The n-th write, fsync, rename, opening or allocation fails: nothing committed is lost, and work goes on."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
OPERATIONS = ("index", "compact", "reencode", "repair", "import")
KINDS = ("write", "sync", "name", "open", "memory")
MANY = 10**9


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The library that lets calls fail, compiled."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler, and Linux's way to load a library before others")
    path = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", path, SUPPORT / "faults.c", "-ldl"], check=True)
    return path


def tried(folder, library, failures):
    """What became of each failure; what is not as it must be is a failure of the test."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "LD_PRELOAD": str(library),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, SUPPORT / "failure_harness.py", folder],
        input="".join(json.dumps(failure) + "\n" for failure in failures),
        capture_output=True,
        text=True,
        timeout=1200,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert not [one for one in results if one["status"] or one["check"]], done.stderr[-3000:]
    return results


def failing(operation, kind, at, persist=False):
    """One failure."""
    return {"operation": operation, "kind": kind, "at": at, "persist": persist}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)], ids=["some", "every"])
@pytest.mark.parametrize(
    "operation",
    [pytest.param(name, marks=() if name in ("index", "reencode") else pytest.mark.long) for name in OPERATIONS],
)
def test_whatever_fails_a_committed_state_is_there_and_work_goes_on(tmp_path, library, operation, every):
    """Once, and from then on; in the same process the operation succeeds as soon as nothing fails any more."""
    whole = tried(tmp_path, library, [failing(operation, kind, MANY) for kind in KINDS])
    assert all(one["outcome"] == "done" and one["count"] > 0 for one in whole)
    chosen = random.Random(operation)  # noqa: S311 - no secret
    failures = [
        failing(operation, one["kind"], at, persist)
        for one in whole
        for at in (range(1, one["count"] + 1) if every else chosen.sample(range(1, one["count"] + 1), 1))
        for persist in ((False, True) if every else (chosen.random() < 1 / 2,))
    ]
    results = tried(tmp_path, library, failures)
    assert sum(one["outcome"] != "done" for one in results) > len(results) / 3
