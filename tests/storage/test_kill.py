"""A writer that dies at any moment, or loses its power, leaves exactly a committed state."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "support" / "kill_harness.py"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")

STEPS = {False: 53, True: 66}
"""Durable steps of the harness's plan, without and with word vectors; a test says if there are more."""
MIGRATION = [{"kind": "migrate", "step": step, "power": power} for step in range(1, 8) for power in (False, True)]


def killed(folder, kills, timeout):
    """What became of each kill, and of the collection that it left."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, HARNESS, folder],
        input="".join(json.dumps(one) + "\n" for one in kills),
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(kills)
    assert not [one for one in results if one["check"]], done.stderr
    return results


def test_the_plan_ends_well_when_nobody_kills_it(tmp_path):
    """Without a kill all operations are there, with and without the loss of power; so many steps are durable."""
    for tokens in (False, True):
        every = {"step": None, "tokens": tokens}
        plain, power = killed(tmp_path / "k", [every, every | {"power": True}], 60)
        assert (plain["ended"], plain["steps"], plain["killed"]) == (10, STEPS[tokens], False)
        assert (power["ended"], power["killed"]) == (10, False)


@pytest.mark.parametrize("tokens", [False, True], ids=["passages", "words"])
@pytest.mark.parametrize("power", [False, True], ids=["process", "power"])
def test_a_writer_that_dies_at_a_durable_step(tmp_path, power, tokens):
    """Before some of the steps: the last committed state is there, and writing goes on; likewise in a migration."""
    chosen = random.Random(3 + power).sample(range(1, STEPS[tokens] + 1), 7)  # noqa: S311 - no secret
    kills = [{"step": step, "power": power, "tokens": tokens} for step in chosen]
    results = killed(tmp_path / "k", kills + [one for one in MIGRATION if one["power"] == power], 120)
    assert all(one["killed"] for one in results)


@pytest.mark.long
@pytest.mark.parametrize("tokens", [False, True], ids=["passages", "words"])
@pytest.mark.parametrize("power", [False, True], ids=["process", "power"])
def test_a_writer_that_dies_at_every_durable_step(tmp_path, power, tokens):
    """Before each of them the same."""
    kills = [{"step": step, "power": power, "tokens": tokens} for step in range(1, STEPS[tokens] + 1)]
    results = killed(tmp_path / "k", kills, 280)
    assert all(one["killed"] for one in results)


@pytest.mark.parametrize("count", [4, pytest.param(200, marks=pytest.mark.long)])
def test_a_writer_that_dies_at_any_moment(tmp_path, count):
    """At random moments of the time that it takes when nobody kills it: the same."""
    chance = random.Random(count)  # noqa: S311 - no secret
    lasts = [one["took"] for one in killed(tmp_path / "k", [{"tokens": False}, {"tokens": True}], 60)]
    kills = [
        {"seconds": chance.random() * lasts[number % 2], "seed": number, "tokens": number % 2 == 1}
        for number in range(count)
    ]
    results = killed(tmp_path / "k", kills, 280)
    assert sum(one["killed"] for one in results) > count / 2
