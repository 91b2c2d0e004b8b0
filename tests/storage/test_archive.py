"""Export and import: what arrives is what was sent, and a bad archive harms nobody."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import threading

import numpy as np
import pytest

from semsearch import Collection, Document
from semsearch.common.errors import CollectionExistsError, FormatError, InputError, MissingExtraError
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.export import write_jsonl, write_parquet
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.damage_harness import answers, build
from tests.support.fake_encoder import FakeEncoder, stored_vectors


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A collection's folder, and its archive."""
    folder = tmp_path_factory.mktemp("sent") / "notes"
    build(folder)
    target = io.BytesIO()
    with Collection.open(folder, FakeEncoder()) as collection:
        collection.export(target)
    return folder, target.getvalue()


class Pipe(io.RawIOBase):
    """A stream that can only be read on, a few bytes at a time."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def readable(self):
        """It is."""
        return True

    def readinto(self, buffer):
        """Read at most 1,000 bytes."""
        return self._content.readinto(memoryview(buffer)[:1000])


def test_what_arrives_is_what_was_sent(sent, tmp_path):
    """Through a pipe, under the collection's own name: the same results, and a sound collection."""
    folder, archive = sent
    path = import_archive(io.BufferedReader(Pipe(archive)), tmp_path / "indexes")
    assert path == tmp_path / "indexes" / "notes"
    expected = answers(folder)
    found = answers(path)
    assert {name: found[name] for name in expected if name != "generation"} == {
        name: expected[name] for name in expected if name != "generation"
    }
    assert verify_folder(path).sound
    assert [one.name for one in path.parent.iterdir()] == ["notes"]


def test_an_archive_is_one_state_while_a_writer_writes(tmp_path):
    """Each archive that is written during commits and compactions holds one whole state."""
    with Collection.create(tmp_path / "notes", FakeEncoder()) as collection:
        collection.add([Document(f"bee 0 n{n}", id=str(n)) for n in range(20)])
        going = threading.Event()
        going.set()

        def change():
            number = 0
            while going.is_set():
                number += 1
                collection.add([Document(f"bee {number} n{n}", id=str(n)) for n in range(20)])
                collection.compact()

        writer = threading.Thread(target=change)
        writer.start()
        try:
            archives = []
            for _ in range(5):
                archives.append(io.BytesIO())
                collection.export(archives[-1])
        finally:
            going.clear()
            writer.join()
    for number, archive in enumerate(archives):
        archive.seek(0)
        path = import_archive(archive, tmp_path / "in", f"n{number}")
        with Collection.open(path, FakeEncoder()) as arrived:
            texts = [hit.text for hit in arrived.search("bee", k=100)]
        assert len(texts) == 20
        assert len({text.split()[1] for text in texts}) == 1


def refused(content, folder, error=InputError, name=None):
    """An import that fails leaves nothing, neither where it should be nor elsewhere; gives the message."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(error) as caught:
        import_archive(io.BytesIO(content), folder / "indexes", name)
    left = {path for path in folder.rglob("*") if path not in before}
    assert left <= {folder / "indexes"}
    return str(caught.value)


def test_damaged_archives_are_refused(sent, tmp_path):
    """A byte that is changed, or an end that is missing, is an error of one line, and nothing is left."""
    _, archive = sent
    chance = random.Random(2)  # noqa: S311 - no secret
    for _ in range(25):
        at = chance.randrange(10, len(archive))
        refused(archive[:at] + bytes([archive[at] ^ 4]) + archive[at + 1 :], tmp_path)
        refused(archive[:at], tmp_path)
    for content in (b"", b"no archive", gzip.compress(b""), gzip.compress(bytes(10_000))):
        assert "export the collection again" in refused(content, tmp_path)


def members(archive):
    """The members of an archive by name."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def packed(entries):
    """An archive of headers and contents."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for header, content in entries:
            member = tarfile.TarInfo(header) if isinstance(header, str) else header
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", "..", "", "x" * 300, "-rf", ".hidden", 7, None])  # noqa: S108
def test_a_name_cannot_leave_the_folder(sent, tmp_path, name):
    """Whatever name an archive claims for its collection, it is a plain name or refused."""
    content = members(sent[1])
    content["manifest.json"] = json.dumps(json.loads(content["manifest.json"]) | {"name": name}).encode()
    archive = packed(content.items())
    refused(archive, tmp_path, Exception)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_member_that_is_no_plain_file_is_refused(sent, tmp_path, kind, place):
    """Links, devices, folders and sparse files are refused wherever they stand."""
    entries = []
    for number, (name, content) in enumerate(members(sent[1]).items()):
        header = tarfile.TarInfo(name)
        if number == place:
            header.type, header.linkname = kind, "/etc/passwd"
        entries.append((header, content))
    refused(packed(entries), tmp_path)


@pytest.mark.parametrize("name", ["../evil", "/evil", "vectors-1.f16/../../evil", "write.lock", "evil.py"])
def test_other_files_are_refused(sent, tmp_path, name):
    """A member under another name, before, between or behind the others, ends the import."""
    content = list(members(sent[1]).items())
    for place in range(len(content) + 1):
        refused(packed([*content[:place], (name, b"evil"), *content[place:]]), tmp_path)


def test_sizes_are_not_believed(sent, tmp_path):
    """More bytes than were announced, or a manifest without end, are refused before they are written."""
    content = members(sent[1])
    refused(packed((content | {"manifest.json": b" " * (1 << 20)}).items()), tmp_path)
    manifest = json.loads(content["manifest.json"])
    vectors = f"vectors-{manifest['epoch']}.f16"
    refused(packed((content | {vectors: content[vectors] + bytes(1 << 20)}).items()), tmp_path)
    for key, value in (("rows", 1 << 60), ("rows", -1), ("stride", 0), ("epoch", "../../x"), ("epoch", None)):
        changed = content | {"manifest.json": json.dumps(manifest | {key: value}).encode()}
        refused(packed(changed.items()), tmp_path)


def test_a_newer_archive_is_refused_with_the_program_that_it_needs(sent, tmp_path):
    """The message names the version that reads it."""
    content = members(sent[1])
    manifest = json.loads(content["manifest.json"]) | {"semsearch": 9, "needs": "9.9"}
    message = refused(
        packed((content | {"manifest.json": json.dumps(manifest).encode()}).items()), tmp_path, FormatError
    )
    assert "9.9" in message


def test_nothing_is_overwritten(sent, tmp_path):
    """A collection of that name stays as it is."""
    import_archive(io.BytesIO(sent[1]), tmp_path)
    for name in (None, "notes"):
        with pytest.raises(CollectionExistsError):
            import_archive(io.BytesIO(sent[1]), tmp_path, name)
    assert verify_folder(tmp_path / "notes").sound
    assert [one.name for one in tmp_path.iterdir()] == ["notes"]


def check_rows(rows, collection):
    """Rows are the collection's passages with the vectors of their texts."""
    hits = {(hit.document, hit.passage): hit for hit in collection.search("bee", k=1000)}
    assert len(rows) == len(hits)
    for row in rows:
        hit = hits[row["document"], row["passage"]]
        assert (row["text"], row["start"], row["end"], row["title"]) == (hit.text, hit.start, hit.end, hit.title)
    texts = [f"{row['title']} {row['text']}" if row["title"] else row["text"] for row in rows]
    np.testing.assert_allclose([row["vector"] for row in rows], stored_vectors(texts), atol=1e-6)


def test_passages_with_vectors_as_json_lines(sent):
    """Every live passage is one object, with the vector of its text."""
    target = io.BytesIO()
    with Collection.open(sent[0], FakeEncoder()) as collection:
        write_jsonl(collection._store.passages_with_vectors(), target)
        rows = [json.loads(line) for line in target.getvalue().splitlines()]
        check_rows(rows, collection)
    assert {row["metadata"].get("n") for row in rows} >= {0, 59}


def test_passages_with_vectors_as_parquet(sent):
    """The same in Parquet, as its own reader sees it."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    target = io.BytesIO()
    with Collection.open(sent[0], FakeEncoder()) as collection:
        write_parquet(collection._store.passages_with_vectors(), target)
        check_rows(parquet.read_table(io.BytesIO(target.getvalue())).to_pylist(), collection)


def test_parquet_without_its_package_says_what_to_install(sent, monkeypatch):
    """The error names the extra."""
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with Collection.open(sent[0]) as collection, pytest.raises(MissingExtraError, match=r"semsearch\[parquet\]"):
        write_parquet(collection._store.passages_with_vectors(), io.BytesIO())
