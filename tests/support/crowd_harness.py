"""Readers and a writer at one collection, each a process, for some seconds.

Every commit gives all documents another tag, or takes half of them away: what a query finds is right exactly if all
hits have one tag, are all or half of the documents, and no tag is older than one that this reader has seen.

``crowd_harness.py read|write FOLDER SECONDS`` is one of the processes; it prints what it did as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from semsearch import Collection, CollectionSettings, Document
from tests.support.fake_encoder import FakeEncoder

COUNT = 20


def documents(tag, count=COUNT):
    """All documents with a tag in text and metadata."""
    return [Document(f"bee {tag} n{n}", id=f"d{n}", metadata={"tag": tag}) for n in range(count)]


def write(path, seconds):
    """Change everything, take half away, compact, build another index; again and again."""
    commits = tag = 0
    end = time.monotonic() + seconds
    with Collection.open(path, FakeEncoder()) as collection:
        while time.monotonic() < end:
            tag += 1
            collection.add(documents(tag))
            commits += 1
            if tag % 3 == 0:
                commits += collection.delete([f"d{n}" for n in range(COUNT // 2, COUNT)]) > 0
            if tag % 5 == 0:
                collection.tune(factory="Flat" if tag % 2 else "auto")
                collection.compact()
                commits += 1
    return {"commits": commits, "wrong": []}


def read(path, seconds):
    """Ask all the time; an answer that mixes states, or goes back to one, is wrong."""
    queries = last = 0
    wrong = []
    end = time.monotonic() + seconds
    with Collection.open(path, FakeEncoder()) as collection:
        while time.monotonic() < end:
            hits = collection.search("bee", k=1000, mode=("dense", "lexical")[queries % 2])
            queries += 1
            tags = {hit.metadata["tag"] for hit in hits}
            right = len(tags) == 1 and len(hits) in (COUNT, COUNT // 2) and min(tags) >= last
            right = right and all(hit.text.split()[1] == str(hit.metadata["tag"]) for hit in hits)
            if not right:
                wrong.append(f"{len(hits)} hits with tags {sorted(tags)} after {last}")
            last = max(tags, default=last)
    return {"queries": queries, "wrong": wrong, "last": last}


def crowd(path, readers, seconds):
    """Let ``readers`` processes and a writer loose; gives what each printed, the writer first."""
    with Collection.create(path, FakeEncoder(), CollectionSettings(unit="document")) as collection:
        collection.add(documents(0))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    roles = ["write"] + ["read"] * readers
    running = [
        subprocess.Popen(
            [sys.executable, __file__, role, path, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for role in roles
    ]
    results = []
    try:
        for process in running:
            out, err = process.communicate(timeout=seconds + 120)
            results.append(json.loads(out) if process.returncode == 0 else {"wrong": [err], "queries": 0})
    finally:
        for process in running:
            process.kill()
    return results


if __name__ == "__main__":
    role = {"read": read, "write": write}[sys.argv[1]]
    sys.stdout.write(json.dumps(role(Path(sys.argv[2]), float(sys.argv[3]))))
