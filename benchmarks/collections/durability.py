"""What a collection survives: kills, power cuts, damaged bytes, a crowd of readers; and what that costs a commit.

The harnesses are those of ``tests/support``; each runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "support"
READERS, SECONDS = 8, 20
RANDOM_KILLS = 60
FLIPS, CUTS = 200, 40
COMMITS = 200
FAILURES = ("write", "sync", "name", "open", "memory")
OPERATIONS = ("index", "compact", "reencode", "repair", "import")
MOST_POINTS = 6
"""Of one kind of failure in one operation."""
RACE_STEPS = {"add": 7, "delete": 2, "compact": 15, "reencode": 61, "drop": 8}
MOST_STEPS = 3
SECOND = ("search", "verify", "export", "add late", "delete", "compact", "reencode", "drop unused", "drop")
MUTATIONS = 300
"""Of each of eleven kinds of input."""
FORKS = 40

FORKING = """
import os, sys, tempfile, threading, time
from semsearch import Collection
with Collection.create(tempfile.mkdtemp() + "/notes") as collection:
    collection.add([f"a heron at lake {n}" for n in range(50)])
    expected = collection.search("a bird", k=5)
    ended = threading.Event()
    def work():
        while not ended.is_set():
            collection.search("a bird", k=5)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    right = 0
    for _ in range(int(sys.argv[1])):
        child = os.fork()
        if not child:
            os._exit(0 if collection.search("a bird", k=5) == expected else 1)
        deadline = time.monotonic() + 30
        status = 0, 1
        while time.monotonic() < deadline and (status := os.waitpid(child, os.WNOHANG)) == (0, 0):
            time.sleep(0.01)
        right += status == (child, 0)
    ended.set()
print(right)
"""

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
            "failures": _failures(folder),
            "races": _races(folder),
            "damage": _damage(folder),
            "swaps": _swaps(folder),
            "forks": _forks(),
            "mutations": _mutations(folder),
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


def _failures(folder: Path) -> dict[str, Any]:
    """Each operation with its n-th write, fsync … failing once, and from then on; of allocations a sample."""
    library = folder / "faults.so"
    compiler = shutil.which("cc")
    assert compiler, "failures are injected by a library in C"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, TESTS / "faults.c", "-ldl"], check=True)
    os.environ["LD_PRELOAD"] = str(library)
    try:
        return {kind: _fail(folder / "failures", kind) for kind in FAILURES}
    finally:
        del os.environ["LD_PRELOAD"]


def _fail(folder: Path, kind: str) -> dict[str, int]:
    chance = random.Random(kind)  # noqa: S311 - no secret
    figures = {"tried": 0, "ended_with_an_error": 0, "survived": 0}
    for operation in OPERATIONS:
        failure = {"operation": operation, "kind": kind, "persist": False}
        (whole,) = _lines("failure_harness.py", [folder], [{**failure, "at": 10**9}])
        points = range(1, whole["count"] + 1)
        chosen = sorted(chance.sample(points, min(MOST_POINTS, len(points))))
        failures = [{**failure, "at": at, "persist": persist} for at in chosen for persist in (False, True)]
        results = _lines("failure_harness.py", [folder], failures)
        figures["tried"] += len(results)
        figures["ended_with_an_error"] += sum(one["outcome"] != "done" for one in results)
        figures["survived"] += sum(not (one["status"] or one["check"]) for one in results)
    return figures


def _races(folder: Path) -> dict[str, Any]:
    """One process held before each of its durable steps, another at work meanwhile."""
    figures = {}
    for first, steps in RACE_STEPS.items():
        chosen = range(1, steps + 1, max(1, steps // MOST_STEPS))
        races = [{"first": first, "second": second, "step": step} for second in SECOND for step in chosen]
        results = [one for one in _lines("race_harness.py", [folder / "races"], races) if one["reached"]]
        figures[first] = {"tried": len(results), "right": sum(not one["problem"] for one in results)}
    return figures


def _swaps(folder: Path) -> dict[str, Any]:
    from semsearch.index import plan
    from semsearch.storage.vectors import index_builder
    from tests.support.swaps import make_pair, swap_files

    figures = {}
    small = patch.multiple(plan, EXACT_MS=0.0, LATENCY_MS=1e9, PART_ROWS=16, LISTS=1)
    for kind, word_vectors in (("passages", False), ("words, too", True)):
        home = folder / f"swaps {word_vectors}"
        home.mkdir()
        with small, patch.object(index_builder, "TAIL_ROWS", 8):
            pair = make_pair(home, word_vectors)
        result = swap_files(*pair, home / "mixed")
        figures[kind] = {**result, "wrong": len(result["wrong"])}
    return figures


def _forks() -> dict[str, int]:
    """Children forked from a process whose threads encode and search, with the packaged model."""
    told = json.loads(_program(["-c", FORKING, str(FORKS)]))
    return {"tried": FORKS, "right": told}


def _mutations(folder: Path) -> dict[str, Any]:
    (folder / "mutations").mkdir()
    lines = _program([TESTS / "mutation_harness.py", folder / "mutations", MUTATIONS, 7]).splitlines()
    results = [json.loads(line) for line in lines]
    return {
        "tried": sum(one["tried"] for one in results),
        "refused": sum(one["refused"] for one in results),
        "other_errors": sum(len(one["wrong"]) for one in results),
    }


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
