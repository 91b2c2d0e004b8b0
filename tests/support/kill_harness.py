"""Kill a writer at every durable step and see what the next process finds.

Run as a program: ``kill_harness.py FOLDER < kills.jsonl`` prints one line of JSON a kill: ``{"step": 7}`` dies before
the seventh durable step, ``{"seconds": 0.1}`` whenever that is; ``"power": true`` (with a step) also drops all that
was written and not fsynced; ``"tokens": true`` is about a collection that keeps word vectors. Everything runs in forks
of this process, which itself starts no thread.

The fault points exist here alone: the functions that make something durable are wrapped in the writer's process.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import sys
import threading
import time
import traceback
import zipfile
from pathlib import Path

import numpy as np

from semsearch import Collection, CollectionSettings, Document
from semsearch.storage.database.connection import Connection
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder, cosines
from tests.support.lexical_reference import check_lexical

DATABASE = ("collection.db", "collection.db-wal")
GOLDEN = Path(__file__).parents[1] / "golden" / "format-1.zip"
WORDS = ("bee", "wing", "honey", "jet", "engine", "cloud", "soup", "basil")
QUERY = "bee jet soup"


def text(chance):
    """A few lines, each of which is a passage."""
    return "\n".join(" ".join(chance.choices(WORDS, k=4)) for _ in range(chance.randrange(1, 4)))


def documents(chance, ids):
    """Documents with new texts."""
    return {one: (text(chance), {"n": chance.randrange(9)}) for one in ids}


def plan(seed):
    """What the writer does: names of methods below, and their arguments."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    described = {f"d{n}": {"other": n} for n in range(6, 9)}
    return [
        ("add", documents(chance, [f"d{n}" for n in range(12)])),
        ("add", documents(chance, [f"d{n}" for n in range(2, 6)])),
        ("delete", ["d0", "d3", "d7"]),
        ("build", "Flat"),
        ("add", documents(chance, [f"e{n}" for n in range(6)])),
        ("describe", described),
        ("delete", ["e1", "e2", "d4", "d5", "d2"]),
        ("compact", None),
        ("build", "auto"),
        ("add", documents(chance, ["f0", "f1", "d9"])),
    ]


def model(operations):
    """The documents after each operation, the empty collection first: what a collection must hold."""
    states = [{}]
    for name, values in operations:
        state = dict(states[-1])
        if name == "add":
            state |= values
        elif name == "delete":
            state = {one: kept for one, kept in state.items() if one not in values}
        elif name == "describe":
            state |= {one: (state[one][0], metadata) for one, metadata in values.items() if one in state}
        states.append(state)
    return states


def perform(path, operations, states, done):
    """Carry the operations out, and note after each that it has ended."""
    with Collection.open(path, FakeEncoder()) as collection:
        for (name, values), state in zip(operations, states, strict=False):
            if name == "add":
                collection.add([Document(body, id=one, metadata=data) for one, (body, data) in values.items()])
            elif name == "describe":
                known = {one: data for one, data in values.items() if one in state}
                collection.add([Document(state[one][0], id=one, metadata=data) for one, data in known.items()])
            elif name == "delete":
                collection.delete(values)
            else:
                if name == "build":
                    collection.tune(factory=values)
                collection.compact()
            os.write(done, b".")


class Disk:
    """What would be left of a folder if the power failed now: only what was fsynced, files and names alike."""

    def __init__(self, folder, image):
        self.folder, self.image = folder, image
        self.synced = {}
        shutil.copytree(folder, image)
        for file in folder.iterdir():
            self.synced[file.stat().st_ino] = file.read_bytes()

    def fsync(self, descriptor):
        """A file's bytes, or a folder's names, are durable now."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            self._names()
            return
        size = found.st_size
        self.synced[found.st_ino] = os.pread(descriptor, size, 0) if _readable(descriptor) else self._content(found)
        for file in self.image.iterdir():
            twin = self.folder / file.name
            if twin.exists() and twin.stat().st_ino == found.st_ino:
                file.write_bytes(self.synced[found.st_ino])

    def committed(self):
        """SQLite has made its files durable itself."""
        for name in DATABASE:
            if (self.folder / name).exists():
                shutil.copyfile(self.folder / name, self.image / name)
            else:
                (self.image / name).unlink(missing_ok=True)

    def _content(self, found):
        return next(file.read_bytes() for file in self.folder.iterdir() if file.stat().st_ino == found.st_ino)

    def _names(self):
        names = {file.name for file in self.folder.iterdir()} - {*DATABASE, "collection.db-shm"}
        for name in names:
            (self.image / name).write_bytes(self.synced.get((self.folder / name).stat().st_ino, b""))
        for file in self.image.iterdir():
            if file.name not in names and file.name not in DATABASE:
                file.unlink()


def _readable(descriptor):
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY


class Faults:
    """Wraps what makes something durable in this process, counts, and dies at a number."""

    def __init__(self, die_at, disk):
        self.count, self.die_at, self.disk = 0, die_at, disk
        fsync, execute = os.fsync, sqlite3.Connection.execute
        for name in ("replace", "unlink", "rename"):
            setattr(os, name, self._wrapped(getattr(os, name)))

        def synced(descriptor):
            self.step()
            fsync(descriptor)
            if self.disk:
                self.disk.fsync(descriptor)

        def executed(connection, sql, *values):
            durable = sql.startswith(("COMMIT", "PRAGMA wal_checkpoint"))
            writing = durable and (connection.total_changes or sql.startswith("PRAGMA"))
            if writing:
                self.step()
            found = execute(connection, sql, *values)
            if writing and self.disk:
                self.disk.committed()
            return found

        os.fsync = synced
        Connection.execute = executed

    def step(self):
        """A durable step begins."""
        self.count += 1
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _wrapped(self, function):
        def call(*arguments, **named):
            self.step()
            return function(*arguments, **named)

        return call


def forked(work):
    """Run something in a fork; gives its exit status, negative for a signal."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - it must not return into the parent's code
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepare(folder, kind, tokens):
    """The collection that the writer begins with."""
    if kind == "migrate":
        with zipfile.ZipFile(GOLDEN) as archive:
            archive.extractall(folder.parent)
        (folder.parent / "format-1").rename(folder)
    else:
        with Collection.create(folder, FakeEncoder(), CollectionSettings(unit="line", word_vectors=tokens)):
            pass


def write(folder, how, operations, states, done, steps):
    """The writer's process, which may not live to the end."""
    disk = Disk(folder, folder.with_name("image")) if how.get("power") else None
    faults = Faults(how.get("step"), disk)
    if how.get("seconds") is not None:
        kill = (os.getpid(), signal.SIGKILL)
        threading.Thread(target=lambda: (time.sleep(how["seconds"]), os.kill(*kill)), daemon=True).start()
    perform(folder, operations, states, done)
    os.write(steps, str(faults.count).encode())


def check(folder, states):
    """The collection holds one of these states, exactly, and can be written to."""
    allowed = [one for one in verify_folder(folder).findings if one.part == "file"]
    report = verify_folder(folder)
    assert list(report.findings) == allowed, report.findings
    encoder = FakeEncoder()
    with Collection.open(folder, encoder) as collection:
        ids = set(collection.ids())
        hits = collection.search(QUERY, k=10_000, mode="dense")
        stored = {hit.document: hit.metadata for hit in hits}
        texts = {one: "\n".join(lines(hits, one)) for one in ids}
        held = {one: (texts[one], stored[one]) for one in ids}
        assert held in states, f"{sorted(held)} is none of {[sorted(one) for one in states]}"
        passages = [hit.text for hit in hits]
        assert collection.status().passages == len(passages)
        np.testing.assert_allclose([hit.score for hit in hits], cosines(QUERY, passages), atol=1e-5)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        check_words(collection, texts)
        check_lexical(collection, QUERY, hits)
        collection.add([Document("a last bee", id="last")])
        assert collection.search("a last bee", k=1, mode="dense")[0].document == "last"
        assert collection.delete(["last"]) == 1
        collection.compact()
        assert {hit.document for hit in collection.search(QUERY, k=10_000, mode="dense")} == ids
    report = verify_folder(folder)
    assert report.sound, report.findings


def check_words(collection, texts):
    """Every word of the documents is found where it stands, and no other."""
    if not collection.settings.word_vectors or not texts:
        return
    hits = collection.contexts(QUERY.split()[0], k=10_000)
    found = sorted((hit.document, hit.start, hit.word) for hit in hits)
    assert found == sorted((one, *place) for one, body in texts.items() for place in words(body))


def words(body):
    """Place and spelling of the words of a text."""
    return [(found.start(), found.group()) for found in re.finditer(r"\w+", body)]


def lines(hits, document):
    """A document's passages in order."""
    return [hit.text for hit in sorted((hit for hit in hits if hit.document == document), key=lambda hit: hit.passage)]


def one_kill(folder, how):
    """Kill a writer once; gives what happened."""
    kind = how.get("kind", "write")
    assert not forked(lambda: prepare(folder, kind, how.get("tokens", False)))
    operations = plan(how.get("seed", 0)) if kind == "write" else []
    states = model(operations)
    reader, done = os.pipe()
    counted, steps = os.pipe()
    begun = time.perf_counter()
    status = forked(lambda: write(folder, how, operations, states, done, steps))
    took = time.perf_counter() - begun
    os.close(done)
    os.close(steps)
    ended = len(os.read(reader, 1000))
    total = int(os.read(counted, 100) or 0)
    os.close(reader)
    os.close(counted)
    left = folder.with_name("image") if how.get("power") else folder
    found = forked(lambda: migrated(left) if kind == "migrate" else check(left, states[ended : ended + 2]))
    return {
        **how,
        "killed": status == -signal.SIGKILL,
        "status": status,
        "ended": ended,
        "steps": total,
        "took": took,
        "check": found,
    }


def migrated(folder):
    """The golden collection, of either format, holds what it held."""
    with Collection.open(folder, FakeEncoder()) as collection:
        assert sorted(collection.ids()) == ["bee", "jet", "北京/1"]
        assert len(collection.search(QUERY, k=100, mode="dense")) == 5
    assert {finding.part for finding in verify_folder(folder).findings} <= {"file"}  # the former vectors


def main(scratch):
    """Try the kills of standard input."""
    for line in sys.stdin:
        folder = scratch / "work"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sys.stdout.write(json.dumps(one_kill(folder / "notes", json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
