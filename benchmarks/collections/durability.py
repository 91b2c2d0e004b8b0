"""What a collection survives: kills, power cuts, damaged bytes, a crowd of readers; and what that costs a commit.

The harnesses are those of ``tests/support``; each runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "support"
READERS, SECONDS = 8, 60
RANDOM_KILLS = 200
FLIPS, CUTS = 500, 100
COMMITS = 200

COMMIT = f"""
import os, sys, time
from pathlib import Path
from tests.support.fake_encoder import FakeEncoder
from semsearch import Collection, Document
from semsearch.storage.database import connection
if sys.argv[2] == "none":
    os.fsync = lambda _: None
    connection.WRITING = connection.WRITING.replace("FULL", "OFF")
with Collection.create(Path(sys.argv[1]) / "notes", FakeEncoder(dimension=384)) as collection:
    collection.add(["warm"])
    spent = []
    for number in range({COMMITS}):
        begun = time.perf_counter()
        collection.add([Document(f"bee {{number}} " * 10, id=str(number))])
        spent.append(time.perf_counter() - begun)
    print(len(spent) / sum(spent), sorted(spent)[len(spent) // 2] * 1000)
"""


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return {
            "commits": {kind: _commits(folder, kind) for kind in ("full", "none")},
            "kills": _kills(folder),
            "damage": _damage(folder),
            "crowd": _crowd(folder),
        }


def _program(arguments: list[Any], text: str = "") -> str:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=environment).stdout


def _lines(program: str, arguments: list[Any], questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = "".join(json.dumps(one) + "\n" for one in questions)
    return [json.loads(line) for line in _program([TESTS / program, *arguments], text).splitlines()]


def _commits(folder: Path, kind: str) -> dict[str, float]:
    (folder / kind).mkdir()
    a_second, median_ms = map(float, _program(["-c", COMMIT, folder / kind, kind]).split())
    return {"commits_per_second": round(a_second, 1), "median_ms": round(median_ms, 2)}


def _kills(folder: Path) -> dict[str, Any]:
    (steps,) = _lines("kill_harness.py", [folder / "kills"], [{"step": None}])
    every = range(1, steps["steps"] + 1)
    chance = random.Random(9)  # noqa: S311 - no secret
    tried = {
        "before each durable step": [{"step": step} for step in every],
        "before each durable step, un-fsynced writes lost": [{"step": step, "power": True} for step in every],
        "in a migration, both ways": [
            {"kind": "migrate", "step": step, "power": power} for step in range(1, 8) for power in (True, False)
        ],
    }
    figures: dict[str, Any] = {}
    for name, kills in tried.items():
        figures[name] = _survived(_lines("kill_harness.py", [folder / "kills"], kills))
    results: list[dict[str, Any]] = []
    while len(results) < RANDOM_KILLS:  # some writers are done before their time has come
        kills = [{"seconds": chance.random() * 0.3, "seed": n} for n in range(RANDOM_KILLS - len(results))]
        results += [one for one in _lines("kill_harness.py", [folder / "kills"], kills) if one["killed"]]
    figures["at random moments"] = _survived(results)
    return figures


def _survived(results: list[dict[str, Any]]) -> dict[str, int]:
    killed = [one for one in results if one["killed"]]
    return {"killed": len(killed), "survived": sum(one["check"] == 0 for one in killed)}


def _damage(folder: Path) -> dict[str, Any]:
    from tests.support.damage_harness import build, damages

    build(folder / "sound")
    (folder / "scratch").mkdir()
    chosen = [{**one, "repair": True} for one in damages(folder / "sound", FLIPS, CUTS, seed=FLIPS)]
    results = _lines("damage_harness.py", [folder / "sound", folder / "scratch"], chosen)
    figures = {}
    for kind, key in (("flipped bytes", "flip"), ("cut files", "cut")):
        own = [one for one in results if key in one]
        figures[kind] = {
            "tried": len(own),
            "reported": sum(one["outcome"] in ("reported", "warned") for one in own),
            "harmless": sum(one["outcome"] == "same" for one in own),
            "found_by_verify": sum(not one["sound"] for one in own),
            "mended": sum(one["repair"] == "mended" for one in own),
            "put_aside": sum(one["repair"] == "put aside" for one in own),
        }
    return figures


def _crowd(folder: Path) -> dict[str, Any]:
    from tests.support.crowd_harness import crowd

    begun = time.monotonic()
    writer, *readers = crowd(folder / "crowd", READERS, SECONDS)
    return {
        "readers": READERS,
        "seconds": round(time.monotonic() - begun),
        "queries": sum(one["queries"] for one in readers),
        "commits": writer["commits"],
        "errors": sum(len(one["wrong"]) for one in (writer, *readers)),
    }
