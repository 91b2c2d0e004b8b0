"""Disks that are full or refuse to be written to: one clear error, and what was committed is served."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from semsearch import Collection
from semsearch.common.errors import CollectionError, StorageError

FILL = """
import json, semsearch.storage.sync
semsearch.storage.sync.BATCH_DOCUMENTS = 20
collection = Collection.open(path, FakeEncoder(256))
committed = []
def documents(start):
    for n in range(start, start + 100_000):
        yield Document(id=str(n), text=f"bee {n} " + "wing " * 20)
def write(start):
    try:
        collection.sync(documents(start), progress=lambda report: committed.append(report.passages))
        print("never failed")
    except SemsearchError as error:
        print(type(error).__name__, json.dumps(str(error)), max(committed, default=0))
"""

LIMITED = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
{FILL}
write(0)
print(len(collection.search("bee 3", k=100_000)), collection.status().passages)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
collection.add(["bee after"])
print(len(collection.search("bee 3", k=100_000)), collection.status().passages)
"""


@pytest.fixture
def mount(tmp_path):
    """Mount a small file system of its own, and mount it again as told; skips where that is not permitted."""
    mounted = []

    def mounts(*options):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *options, folder], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
        mounted[:] = [folder]
        return folder

    if os.name != "posix" or shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    yield mounts
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def check_failure(line):
    """An error that is one line and says what to do; gives the number of passages that were committed."""
    kind, rest = line.split(" ", 1)
    message, committed = rest.rsplit(" ", 1)
    assert kind == "StorageError"
    assert "\\n" not in message
    assert "free space" in message
    return int(committed)


@pytest.mark.parametrize("limit", [40_000, 70_000, 150_000])
def test_a_file_that_cannot_grow(tmp_path, fake, run, limit):
    """A write that fails is a StorageError; all commits before it stay, and writing goes on when there is room."""
    del fake
    from tests.support.fake_encoder import FakeEncoder

    collection = Collection.create(tmp_path / "notes", FakeEncoder(256))
    collection._store.close()
    failed, before, after = run(LIMITED, collection.path, limit).splitlines()
    committed = check_failure(failed)
    assert before == f"{committed} {committed}"
    assert after == f"{committed + 1} {committed + 1}"
    assert len(collection.search("bee 3", k=100_000, mode="dense")) == committed + 1


def test_a_full_disk(mount, run):
    """On a file system without space left the error is a StorageError, and searching goes on in new processes."""
    from tests.support.fake_encoder import FakeEncoder

    disk = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    with Collection.create(disk / "notes", FakeEncoder(256)) as collection:
        path = collection.path
    first, second = run(f"{FILL}\nwrite(0)\nwrite(500_000)\n", path).splitlines()
    committed = check_failure(first)
    assert committed >= 20
    check_failure(second)
    with Collection.open(path, FakeEncoder(256)) as collection:
        count = collection.status().passages
        assert count >= committed
        assert len(collection.search("bee 3", k=100_000, mode="dense")) == count
        with pytest.raises(StorageError, match="free space"):
            Collection.create(disk / "more", FakeEncoder()).add([f"bee {n} " + "wing " * 400 for n in range(500)])
    mount("-o", "remount,size=16m")
    with Collection.open(path, FakeEncoder(256)) as collection:
        collection.add([f"after {n}" for n in range(300)])
        assert len(collection.search("bee 3", k=100_000, mode="dense")) == count + 300


def test_media_that_cannot_be_written_to(mount, fake, run):
    """A collection on read-only media is searched and described; writing is refused, and so is creating."""
    disk = mount("-t", "tmpfs", "-o", "size=4m", "tmpfs")
    with Collection.create(disk / "notes", fake) as collection:
        collection.add(["a bee", "a fly"])
        collection.delete(collection.ids()[:1])
    mount("-o", "remount,ro")
    with Collection.open(disk / "notes", fake) as collection:
        assert len(collection.search("bee", k=5, mode="dense")) == collection.status().passages == 1
        for write in (lambda: collection.add(["x"]), lambda: collection.delete(["x"]), collection.drop):
            with pytest.raises(StorageError, match="permissions"):
                write()
        with pytest.raises(StorageError, match="permissions"):
            Collection.create(disk / "more", fake)
        out = run("print(len(Collection.open(path, FakeEncoder()).search('bee')))", disk / "notes")
        assert out.strip() == "1"


def test_read_only_media_with_commits_in_the_log(mount, fake, run):
    """What a killed writer committed is either found on read-only media or refused, but never left out."""
    disk = mount("-t", "tmpfs", "-o", "size=8m", "tmpfs")
    with Collection.create(disk / "notes", fake) as collection:
        collection.add(["a bee"])
    run(
        """
import os, sqlite3
held = sqlite3.connect(path / "collection.db", isolation_level=None)
held.execute("BEGIN")
held.execute("SELECT * FROM state").fetchone()
Collection.open(path, FakeEncoder()).add(["a fly"])
os._exit(0)
""",
        disk / "notes",
    )
    assert (disk / "notes" / "collection.db-wal").stat().st_size
    mount("-o", "remount,ro")
    with Collection.open(disk / "notes", fake) as collection:
        assert len(collection.search("bee", mode="dense")) == 2
    mount("-o", "remount,rw")
    (disk / "notes" / "collection.db-shm").unlink()
    mount("-o", "remount,ro")
    with pytest.raises(CollectionError):
        Collection.open(disk / "notes", fake).search("bee", mode="dense")
    mount("-o", "remount,rw")
    with Collection.open(disk / "notes", fake) as collection:
        assert len(collection.search("bee", mode="dense")) == 2


OTHER_USER = """
import os
collection = None
with Collection.open(path, FakeEncoder()) as root:
    root.search("bee")  # imports what this user may read, and the other perhaps not
    root.delete([])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print("ready", flush=True)
for line in sys.stdin:
    collection = collection or Collection.open(path, FakeEncoder())
    if line == "write\\n":
        try:
            collection.add(["x"])
        except SemsearchError as error:
            print(type(error).__name__, flush=True)
    else:
        print(*sorted(hit.text for hit in collection.search(line)), sep="|", flush=True)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
def test_a_user_who_may_only_read(tmp_path, notes, start):
    """Without the right to write, each query still finds what others have committed meanwhile."""
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o011)
    notes.add(["a bee"])
    notes._store.close()
    reader = start(OTHER_USER, notes.path)

    def ask(line):
        reader.stdin.write(f"{line}\n")
        reader.stdin.flush()
        return reader.stdout.readline().strip() or reader.communicate()[1]

    assert reader.stdout.readline() == "ready\n"
    for name in ("wal", "shm"):
        notes.path.joinpath(f"collection.db-{name}").unlink(missing_ok=True)
    assert ask("bee") == "a bee"
    assert ask("write") == "StorageError"
    notes.add(["a fly"])
    assert ask("bee") == "a bee|a fly"
    notes._store.close()
    assert ask("bee") == "a bee|a fly"
    notes.add(["a wasp"])
    notes._store.close()
    assert ask("bee") == "a bee|a fly|a wasp"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(notes, fake):
    """A folder that must not be written to is searched; writing is refused."""
    notes.add(["a bee"])
    notes._store.close()
    notes.path.chmod(0o555)
    try:
        collection = Collection.open(notes.path, fake)
        assert len(collection.search("bee", mode="dense")) == 1
        with pytest.raises(StorageError, match="permissions"):
            collection.add(["a fly"])
    finally:
        notes.path.chmod(0o755)


def test_a_moment_without_file_handles_is_not_taken_for_read_only_media(notes, run):
    """When a collection cannot be opened for another reason, it is not read without its log."""
    out = run(
        """
import os, resource
collection = Collection.open(path, FakeEncoder())
collection.add(["a bee"])
soft = len(os.listdir("/proc/self/fd")) + 40 if os.path.isdir("/proc/self/fd") else 200
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft + 100))
taken = []
try:
    while True:
        taken.append(open(os.devnull))
except OSError:
    pass
taken.pop().close()
import threading
def search():
    try:
        print([hit.text for hit in collection.search("bee")])
    except SemsearchError as error:
        print(type(error).__name__)
thread = threading.Thread(target=search)
thread.start()
thread.join()
taken.clear()
search()
""",
        notes.path,
    )
    assert out.splitlines() == ["StorageError", "['a bee']"]
