"""One process is held before a durable step, another does its work meanwhile: each finds a state, nothing is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "support" / "race_harness.py"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")

FIRSTS = ("add", "delete", "compact", "reencode", "drop")
SECONDS = ("search", "verify", "export", "add late", "delete", "compact", "reencode", "drop unused", "drop")
STEPS = {"add": 7, "delete": 2, "compact": 15, "reencode": 61, "drop": 8}
"""Durable steps of each of the first ones; a test says if there are more."""


def raced(folder, races):
    """What became of each race."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, HARNESS, folder],
        input="".join(json.dumps(race) + "\n" for race in races),
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("first", ["add", "compact", "reencode"])
def test_two_processes_at_some_durable_steps(tmp_path, first):
    """Some second operations come in between once: a writer is refused or adds, a reader finds one state whole."""
    chance = random.Random(first)  # noqa: S311 - no secret
    races = [
        {"first": first, "second": second, "step": chance.randint(1, STEPS[first])}
        for second in chance.sample(SECONDS, 4)
    ]
    results = raced(tmp_path, races)
    assert [one for one in results if one["problem"]] == []
    assert sum(one["reached"] for one in results) == len(results)


@pytest.mark.long
@pytest.mark.parametrize("second", SECONDS)
@pytest.mark.parametrize("first", FIRSTS)
def test_two_processes_at_every_durable_step(tmp_path, first, second):
    """The same before each of them."""
    results = raced(tmp_path, [{"first": first, "second": second, "step": step} for step in range(1, STEPS[first] + 2)])
    assert [one for one in results if one["problem"]] == []
    assert [one["reached"] for one in results] == [True] * STEPS[first] + [False]
