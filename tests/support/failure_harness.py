"""Let the n-th write, fsync, rename, opening or allocation fail, and see what is left and whether work goes on.

Run as a program, with the library of ``faults.c`` loaded before all others: ``failure_harness.py FOLDER < failures``
prints one line of JSON for each line of JSON it gets: ``{"operation": "compact", "kind": "sync", "at": 3, "persist":
false}``. Everything runs in forks of this process.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import signal
import sys
import warnings
from pathlib import Path

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedIndexWarning, SemsearchError
from semsearch.index import plan
from semsearch.storage import sync
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from semsearch.storage.vectors import index_builder
from tests.support.fake_encoder import FakeEncoder
from tests.support.kill_harness import forked
from tests.support.lexical_reference import check_lexical

KINDS = ("write", "sync", "name", "open", "memory")
SECONDS = 30
OLD = {f"d{n}": f"bee{n} wing{n % 7}\nsky{n % 5}" for n in range(40)} | {"gone": "a last line"}
NEW = {f"e{n}": f"jet{n} cloud{n % 3}" for n in range(24)}
LIVE = {name: text for name, text in OLD.items() if name != "gone"}


def other():
    """The model of the re-encoding."""
    return FakeEncoder(dimension=24, name="other", fingerprint="e" * 32)


def add(path):
    """New documents in several commits, each of which is a state."""
    with Collection.open(path, FakeEncoder()) as collection:
        collection.add([Document(text, id=name) for name, text in NEW.items()])


def compact(path):
    """Deleted rows go, and the index is built anew."""
    with Collection.open(path, FakeEncoder()) as collection:
        collection.compact()


def reencode(path):
    """Another model."""
    with Collection.open(path) as collection:
        collection.reencode(other())


def repair(path):
    """One damaged row."""
    repair_folder(path, lambda _: FakeEncoder())


def import_copy(path):
    """The archive beside the collection becomes one."""
    import_archive(io.BytesIO(path.with_name("archive").read_bytes()), path.parent, "copy")


OPERATIONS = {"index": add, "compact": compact, "reencode": reencode, "repair": repair, "import": import_copy}


def prepare(path, operation):
    """A collection with an index in parts, a deleted row and rows behind the index."""
    with Collection.create(path, FakeEncoder(), CollectionSettings(unit="line")) as collection:
        collection.add([Document(text, id=name) for name, text in OLD.items()])
        collection.delete(["gone"])
        if operation == "import":
            with path.with_name("archive").open("wb") as target:
                collection.export(target)
    if operation == "repair":
        file = path / "vectors-0.f16"
        content = bytearray(file.read_bytes())
        content[36 * 5] ^= 1
        file.write_bytes(content)


def states(operation):
    """The documents that there may be afterwards."""
    if operation != "index":
        return [LIVE]
    names = list(NEW)
    counts = range(0, len(names) + 1, sync.BATCH_DOCUMENTS)
    return [LIVE | {name: NEW[name] for name in names[:count]} for count in counts]


def held(path):
    """The documents in a collection, by all their passages, under whichever of the two models it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedIndexWarning)
        with Collection.open(path) as stored:
            dimension = stored.status().dimension
        with Collection.open(path, other() if dimension == 24 else FakeEncoder()) as collection:
            hits = sorted(collection.search("bee3 jet3", k=1000, mode="dense"), key=lambda hit: hit.passage)
            check_lexical(collection, "bee3 jet3", hits)
            names = {hit.document for hit in hits}
            assert sorted(names) == collection.ids()
            return {name: "\n".join(hit.text for hit in hits if hit.document == name) for name in names}


def check(path, operation, is_broken):
    """A committed state is there, sound but for files that belong to none."""
    findings = [finding for finding in verify_folder(path).findings if finding.part != "file"]
    if not (operation == "repair" and findings and is_broken):  # the damage may still be there
        assert not findings, findings
        assert held(path) in states(operation)
    if operation == "import":
        copy = path.with_name("copy")
        assert not copy.exists() or (verify_folder(copy).sound and held(copy) == LIVE)
        assert is_broken or copy.exists()


def attempt(path, operation, failure, library, result):
    """The operation with its failure; then, in the same process, without it."""
    signal.alarm(SECONDS)
    outcome = "done"
    library.faults_arm(KINDS.index(failure["kind"]), failure["at"], failure["persist"])
    try:
        with translate_errors(path):
            OPERATIONS[operation](path)
    except SemsearchError as error:
        outcome = type(error).__name__
    except MemoryError:
        outcome = "MemoryError"
    finally:
        count = library.faults_disarm()
    os.write(result, json.dumps({"outcome": outcome, "count": count}).encode())
    go_on(path, operation, is_broken=outcome != "done")


def go_on(path, operation, is_broken):
    """What is there now is as it must be, and the operation succeeds."""
    check(path, operation, is_broken)
    if is_broken and not path.with_name("copy").exists():  # which is whole, and may not be durable
        OPERATIONS[operation](path)
        check(path, operation, is_broken=False)


def one_failure(scratch, failure, library):
    """Try one failure; gives what became of it, and 0 where all was as it must be."""
    path, operation = scratch / "work" / "notes", failure["operation"]
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    assert not forked(lambda: prepare(path, operation))
    reading, writing = os.pipe()
    status = forked(lambda: attempt(path, operation, failure, library, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = json.loads(pipe.read() or b'{"outcome": "died", "count": 0}')
    if status < 0 and failure["kind"] == "memory":  # libraries may crash without memory: then it is as if killed
        return {**failure, **told, "status": 0, "check": forked(lambda: go_on(path, operation, is_broken=True))}
    again = forked(lambda: check(path, operation, is_broken=False)) if status == 0 else 1
    return {**failure, **told, "status": status, "check": again}


def main(scratch):
    """Try the failures of standard input."""
    library = ctypes.CDLL(None)
    sync.BATCH_DOCUMENTS = 6
    index_builder.TAIL_ROWS = 16
    plan.EXACT_MS, plan.LATENCY_MS, plan.LISTS, plan.PART_ROWS = 0.0, 1e9, 1, 32
    for line in sys.stdin:
        sys.stdout.write(json.dumps(one_failure(scratch, json.loads(line), library)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
