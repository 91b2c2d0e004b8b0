"""Inputs that are changed at random are read, or refused in our own words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent / "support" / "mutation_harness.py"


@pytest.mark.parametrize(("count", "seed"), [(20, 1), pytest.param(1500, 2, marks=pytest.mark.long)])
def test_no_input_brings_a_reader_down(tmp_path, count, seed):
    """Files of all kinds, tables of vectors and archives: no error but ours, each of one line."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, HARNESS, tmp_path, str(count), str(seed)],
        capture_output=True,
        text=True,
        timeout=580,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) > 20
    assert [one for one in results if one["wrong"]] == []
    assert sum(one["refused"] for one in results) > count
