"""Two processes on one collection: one is held before a durable step, the other does its work, the first goes on.

Run as a program: ``race_harness.py FOLDER < races.jsonl`` prints one line of JSON for each line of JSON it gets:
``{"first": "compact", "second": "search", "step": 3}``. Everything runs in forks of this process.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import traceback
import warnings
from pathlib import Path

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import CollectionError, CollectionNotFoundError, DamagedIndexWarning, LockedError
from semsearch.index import plan
from semsearch.storage import sync
from semsearch.storage.store import Store
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.verify import verify_folder
from semsearch.storage.vectors import index_builder
from tests.support.fake_encoder import FakeEncoder
from tests.support.kill_harness import Faults, forked

SECONDS = 30
OLD = {f"d{n}": f"bee{n} wing{n % 7}\nsky{n % 5}" for n in range(24)}
NEW = {f"e{n}": f"jet{n} cloud{n % 3}" for n in range(8)}
LATE = {"late": "a late soup"}


def other():
    """The model of the re-encoding."""
    return FakeEncoder(dimension=24, name="other", fingerprint="e" * 32)


def opened(path, **options):
    """The collection under whichever of the two models it has."""
    with Collection.open(path) as stored:
        dimension = stored.status().dimension
    return Collection.open(path, other() if dimension == 24 else FakeEncoder(), **options)


def add(path, documents=NEW):
    """Some documents in several commits; a writer that would have to wait gives up at once."""
    with opened(path, timeout=0) as collection:
        collection.add([Document(text, id=name) for name, text in documents.items()])


def reencode(path):
    """Another model."""
    with Collection.open(path, timeout=0) as collection:
        collection.reencode(other())


def search(path):
    """All documents, by their passages."""
    with warnings.catch_warnings(), opened(path) as collection:
        warnings.simplefilter("ignore", DamagedIndexWarning)
        hits = sorted(collection.search("bee3 jet3", k=1000, mode="dense"), key=lambda hit: hit.passage)
        names = dict.fromkeys(sorted(hit.document for hit in hits))
        return {name: "\n".join(hit.text for hit in hits if hit.document == name) for name in names}


def verify(path):
    """Nothing is wrong but files of states that come or go."""
    assert not [finding for finding in verify_folder(path).findings if finding.part != "file"]


def export(path):
    """A copy, which is whole."""
    target = io.BytesIO()
    with opened(path) as collection:
        collection.export(target)
    import_archive(io.BytesIO(target.getvalue()), path.parent / "elsewhere", "copy")


def drop_unused(path):
    """What a command does that has made a collection and was stopped."""
    Store(opened(path)._store.handle).drop_if_unused()


def with_collection(method, *arguments):
    """A method of the collection, as an operation."""

    def call(path):
        with opened(path, timeout=0) as collection:
            getattr(collection, method)(*arguments)

    return call


WRITES = {
    "add": add,
    "add late": lambda path: add(path, LATE),
    "delete": with_collection("delete", ["d3", "d4"]),
    "compact": with_collection("compact"),
    "reencode": reencode,
    "drop": with_collection("drop"),
    "drop unused": drop_unused,
}
READS = {"search": search, "verify": verify, "export": export}
FIRSTS = ("add", "delete", "compact", "reencode", "drop")
GONE = ("drop",)


class Held(Faults):
    """Counts durable steps in this process; before the one that it is to be held at it says so, and waits."""

    def __init__(self, step, told, released):
        self._told, self._released = told, released
        super().__init__(step, None)

    def step(self):
        """A durable step begins."""
        self.count += 1
        if self.count == self.die_at:
            os.write(self._told, b".")
            os.read(self._released, 1)


def prepare(path):
    """A collection with an index in parts and deleted rows."""
    with Collection.create(path, FakeEncoder(), CollectionSettings(unit="line")) as collection:
        collection.add([Document(text, id=name) for name, text in (OLD | {"gone": "a last line"}).items()])
        collection.delete(["gone"])


def after(documents, operation):
    """What an operation that has succeeded makes of the documents; ``None`` is no collection."""
    if documents is None or operation == "drop":
        return None
    if operation == "delete":
        return {name: text for name, text in documents.items() if name not in ("d3", "d4")}
    return documents | {"add": NEW, "add late": LATE}.get(operation, {})


def outcome(work, path):
    """``done``, what was read, or the name of the error of ours."""
    try:
        return work(path) or "done"
    except CollectionError as error:
        return type(error).__name__
    except Exception:  # noqa: BLE001 - told to the test, which fails
        return traceback.format_exc()


def second_outcome(path, name):
    """What the second process says, from its own fork."""
    reading, writing = os.pipe()

    def work():
        signal.alarm(SECONDS)
        said = outcome({**WRITES, **READS}[name], path)
        with os.fdopen(writing, "w") as pipe:
            json.dump(said, pipe)

    status = forked(work)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return json.loads(pipe.read()) if status == 0 else f"status {status}"


def one_race(scratch, race):
    """Run one race; gives what each said, and what is wrong, if anything."""
    path = scratch / "work" / "notes"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    assert not forked(lambda: prepare(path))
    told, tell = os.pipe()
    released, release = os.pipe()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.alarm(2 * SECONDS)
            held = Held(race["step"], tell, released)
            said = outcome(WRITES[race["first"]], path)
            os.write(writing, json.dumps({"said": said, "steps": held.count}).encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.close(writing)
    reached = bool(os.read(told, 1))
    second = second_outcome(path, race["second"]) if reached else None
    os.write(release, b".")
    with os.fdopen(reading, "rb") as pipe:
        first = json.loads(pipe.read() or b'{"said": "died", "steps": 0}')
    os.waitpid(child, 0)
    for descriptor in (told, released, release):
        os.close(descriptor)
    problem = judge(path, race, first["said"], second) if reached else None
    return {**race, "reached": reached, "first said": first["said"], "steps": first["steps"], "problem": problem}


def judge(path, race, first, second):
    """What is wrong with the outcome of a race, or nothing."""
    refused = {LockedError.__name__, CollectionNotFoundError.__name__, CollectionError.__name__}
    if first != "done" and first not in refused:
        return f"the first said {first}"
    states = [OLD]
    for operation, said in ((race["first"], first), (race["second"], second)):
        if operation in WRITES and said == "done":
            states += [after(state, operation) for state in states]
    if race["second"] == "search":
        partial = [OLD | dict(list(NEW.items())[:count]) for count in range(0, len(NEW) + 1, sync.BATCH_DOCUMENTS)]
        allowed = [*states, *(partial if race["first"] == "add" else [])]
        if second not in allowed and not (race["first"] in ("drop", "reencode") and second in refused):
            return f"the second found {second}"
    elif second != "done" and second not in refused:
        return f"the second said {second}"
    return final_problem(path, states)


def final_problem(path, states):
    """What is wrong with the collection that is left."""
    reading, writing = os.pipe()

    def work():
        signal.alarm(SECONDS)
        with os.fdopen(writing, "w") as pipe:
            if not (path / "collection.db").exists():
                json.dump(None, pipe)
                return
            verify(path)
            add(path, {"last": "one more"})
            held = search(path)
            assert held.pop("last") == "one more"
            assert verify_folder(path).sound
            json.dump(held, pipe)

    status = forked(work)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        held = json.loads(pipe.read() or "0")
    if status:
        return f"the check ended with status {status}"
    return None if held == states[-1] else f"left are {held and sorted(held)}"


def main(scratch):
    """Run the races of standard input."""
    sync.BATCH_DOCUMENTS = 3
    index_builder.TAIL_ROWS = 8
    plan.EXACT_MS, plan.LATENCY_MS, plan.LISTS, plan.PART_ROWS = 0.0, 1e9, 1, 32
    for line in sys.stdin:
        sys.stdout.write(json.dumps(one_race(scratch, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
