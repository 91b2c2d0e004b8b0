"""Files of strangers, and files that strangers must not read."""

from __future__ import annotations

import gzip
import io
import json
import os
import sqlite3
import stat

import pytest

from semsearch import Collection
from semsearch.common.errors import DamagedError, InputError, ModelNotFoundError, SemsearchError
from semsearch.encoder import locate
from semsearch.storage.growing import growing_folder, sweep_unfinished
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and modes are POSIX")

NAMES = ("collection.db-wal", "vectors-0.f16", "write.lock", "committed", "index-9-0.faiss", ".reencode", "notes.txt")


@pytest.fixture
def filled(notes):
    """A collection of two documents that nobody has open."""
    notes.add(["a bee", "a jet"])
    notes._store.close()
    return notes


def try_everything(path):
    """Opening, asking, writing, verifying and mending a collection end with an error that says what is there."""
    encoder = FakeEncoder()
    for use in (
        lambda: Collection.open(path, encoder).search("bee"),
        lambda: Collection.open(path, encoder).add(["a fly"]),
        lambda: repair_folder(path, lambda _: encoder),
    ):
        with pytest.raises(DamagedError, match="plain files alone"):
            use()
    assert not verify_folder(path).sound


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_through_a_link(filled, tmp_path, name):
    """The file that the link leads to stays as it is, whichever file of a collection the link stands for."""
    outside = tmp_path / "outside"
    outside.write_bytes((filled.path / name).read_bytes() if (filled.path / name).is_file() else b"precious")
    content = outside.read_bytes()
    (filled.path / name).unlink(missing_ok=True)
    (filled.path / name).symlink_to(outside)
    try_everything(filled.path)
    assert outside.read_bytes() == content


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_is_not_waited_for(filled, name):
    """A FIFO in the place of a file is an error at once."""
    (filled.path / name).unlink(missing_ok=True)
    os.mkfifo(filled.path / name)
    try_everything(filled.path)


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_files_have_the_permissions_of_the_folder(filled, mode, small_index):
    """A private folder has private files: database, log, vectors, index and note."""
    small_index(tail=20, part=64)
    filled.path.chmod(mode)
    for file in filled.path.iterdir():
        file.chmod(mode & 0o666)
    before = os.umask(0)
    try:
        with Collection.open(filled.path, FakeEncoder()) as collection:
            collection.add([f"bee {n}" for n in range(100)])
            collection.compact()
            (filled.path / "committed").unlink()
            collection.add(["one more"])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in filled.path.iterdir()}
    finally:
        os.umask(before)
    modes.pop("write.lock")  # has nothing in it
    assert any(name.startswith("index-") for name in modes)
    assert set(modes.values()) == {mode & 0o666}, modes


def test_a_deleted_text_is_not_left_in_the_database(filled):
    """Its bytes are overwritten with zeros, and the log is cut when the write ends."""
    filled.add(["a secret word: xyzzy"])
    (secret,) = [hit.document for hit in filled.search("xyzzy", k=1)]
    filled.delete([secret])
    filled._store.close()
    assert not [file.name for file in filled.path.iterdir() if b"xyzzy" in file.read_bytes()]


def test_no_model_is_fetched_because_a_collection_asks_for_it(tmp_path, monkeypatch):
    """The name in a stranger's collection is no wish of the user's; the message says what would be one."""
    with Collection.create(tmp_path / "foreign", FakeEncoder(name="someone/some-model")) as collection:
        collection.add(["a bee"])
        path = collection.path
    asked = []

    def fetch(repository, *, local_files_only, **_):
        from huggingface_hub.errors import LocalEntryNotFoundError

        asked.append((repository, local_files_only))
        raise LocalEntryNotFoundError("not here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with pytest.raises(ModelNotFoundError, match=r"fetch it once: semsearch tokenize hello --model someone/some-model"):
        Collection.open(path).search("bee")
    assert asked == [("someone/some-model", True)]
    with pytest.raises(ModelNotFoundError):
        locate.locate("someone/some-model")
    assert asked[-1] == ("someone/some-model", False)


@pytest.fixture
def archive(filled):
    """An archive of the collection."""
    target = io.BytesIO()
    filled.export(target)
    return target.getvalue()


@pytest.mark.parametrize(
    "behind",
    [b"x", b"\0" * 511 + b"x", b"\0" * 100_000 + b"x", b"\0" * 10_000_000],
    ids=["at once", "near", "far", "zeros"],
)
def test_bytes_behind_an_archive_are_an_error(archive, tmp_path, behind):
    """In the compressed stream, near its end and far behind it; zeros without end are not read to their end."""
    longer = gzip.compress(gzip.decompress(archive) + behind)
    with pytest.raises(InputError, match="more in it"):
        import_archive(io.BytesIO(longer), tmp_path / "indexes", "copy")
    assert list((tmp_path / "indexes").iterdir()) == []


@pytest.mark.parametrize(
    "behind",
    [b"x", b"\x1f\x8b", gzip.compress(b"x"), gzip.compress(b"\0" * 100_000)],
    ids=["rubbish", "half a header", "a stream", "a stream of zeros"],
)
def test_bytes_behind_the_compressed_stream_are_an_error(archive, tmp_path, behind):
    """Rubbish, half a header, and a second stream."""
    with pytest.raises(InputError):
        import_archive(io.BytesIO(archive + behind), tmp_path / "indexes", "copy")
    assert list((tmp_path / "indexes").iterdir()) == []


def test_what_a_killed_import_has_left_is_swept_by_the_next(archive, tmp_path, run):
    """Nobody holds its lock any more; a folder that somebody fills is left alone."""
    indexes = tmp_path / "indexes"
    (tmp_path / "file").write_bytes(archive)
    run(
        """
import os
from tests.support.kill_harness import forked
from semsearch.storage.upkeep import archive
def die(*_):
    os._exit(7)
def work():
    archive._check_contents = die
    archive.import_archive(open(sys.argv[2], "rb"), path)
assert forked(work) == 7
assert len(list(path.iterdir())) == 1
""",
        indexes,
        tmp_path / "file",
    )
    with growing_folder(indexes) as busy:
        assert list(indexes.iterdir()) == [busy]
        import_archive(io.BytesIO(archive), indexes, "copy")
        assert sorted(entry.name for entry in indexes.iterdir()) == sorted(["copy", busy.name])
    sweep_unfinished(indexes)
    assert [entry.name for entry in indexes.iterdir()] == ["copy"]


def test_a_repair_sweeps_what_was_left(filled):
    """A re-encoding that was stopped, and an import of an earlier version."""
    (filled.path / ".reencode").mkdir()
    (filled.path.parent / ".import-0123abcd").mkdir()
    repair_folder(filled.path, lambda _: FakeEncoder())
    assert not (filled.path / ".reencode").exists()
    assert not (filled.path.parent / ".import-0123abcd").exists()


def with_manifest(archive, name, value):
    """The archive with the JSON text ``value`` for a name of its manifest."""
    content = gzip.decompress(archive)
    size = int(content[124:135], 8)
    fields = {key: json.dumps(stored) for key, stored in json.loads(content[512 : 512 + size]).items()}
    fields[name] = value
    manifest = ("{" + ", ".join(f'"{key}": {text}' for key, text in fields.items()) + "}").encode()
    header = bytearray(content[:512])
    header[124:136] = b"%011o\0" % len(manifest)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    body = manifest + b"\0" * (-len(manifest) % 512)
    return gzip.compress(bytes(header) + body + content[512 + size + (-size % 512) :])


@pytest.mark.parametrize(
    "value",
    ['"x y/"', "[]", "1e400", "[" * 50_000, "-1", "9" * 400, '{"a": 1}', "NaN"],
    ids=["text", "list", "infinite", "deep", "negative", "large", "object", "nan"],
)
@pytest.mark.parametrize("name", ["format", "epoch", "rows", "stride", "semsearch", "words", "name"])
def test_a_manifest_that_makes_no_sense_is_refused(archive, tmp_path, name, value):
    """Values of other types, numbers beyond all bounds, and nesting without end are one line of error."""
    with pytest.raises(SemsearchError) as caught:
        import_archive(io.BytesIO(with_manifest(archive, name, value)), tmp_path / "indexes", None)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert list((tmp_path / "indexes").iterdir()) == []


def test_sqlite_is_told_to_overwrite_what_is_deleted(filled):
    """The setting holds for the connection that writes."""
    with filled._store.handle.writing() as writer:
        connection: sqlite3.Connection = writer._connection
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
