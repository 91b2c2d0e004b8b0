"""What single failures of writes, locks and openings have left behind once, made on purpose."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from semsearch import Document
from semsearch.storage.canary import make_canary
from semsearch.storage.creation import fill_folder
from semsearch.storage.database.errors import is_of_the_file
from semsearch.storage.folder import SCRATCH
from semsearch.storage.settings import StoredEncoder
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder


@pytest.fixture
def filled(notes):
    """Three documents, and nothing open."""
    notes.add([Document(f"bee {n}", id=f"d{n}") for n in range(3)])
    notes._store.close()
    return notes


def test_a_repair_waits_for_no_lock_of_its_own(filled):
    """Without a write-ahead log a reader keeps a writer out; the database is written over, not exchanged."""
    database = filled.path / "collection.db"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    with (filled.path / "vectors-0.f16").open("r+b") as file:
        file.write(b"\x01\x02\x03")
    before = database.stat().st_ino
    assert repair_folder(filled.path, lambda _: FakeEncoder()).encoded == 1
    assert database.stat().st_ino == before
    assert verify_folder(filled.path).sound


def test_errors_of_the_file_are_told_from_those_around_it(tmp_path):
    """Only what is in a file may be a reason to put another one in its place; not a lock, nor a full disk."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as one, closing(sqlite3.connect(path, timeout=0)) as two:
        one.execute("CREATE TABLE t (x)")
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as locked:
            two.execute("INSERT INTO t VALUES (1)")
        one.execute("ROLLBACK")
        one.execute("PRAGMA max_page_count=2")
        with pytest.raises(sqlite3.OperationalError) as full:
            one.execute("INSERT INTO t VALUES (zeroblob(100000))")
    path.write_bytes(b"no database" * 100)
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.DatabaseError) as garbage:
        connection.execute("SELECT * FROM t")
    assert [is_of_the_file(error.value) for error in (locked, full, garbage)] == [False, False, True]


def test_a_vector_file_that_was_never_made_is_made(notes):
    """A failure between the database and the file leaves an empty collection that can be written to."""
    notes._store.close()
    (notes.path / "vectors-0.f16").unlink()
    assert notes.add([Document("a bee", id="a")]).added == 1
    assert [hit.document for hit in notes.search("bee")] == ["a"]
    assert verify_folder(notes.path).sound


def test_a_reencoding_goes_on_from_a_scratch_folder_without_vectors(filled):
    """The same in the folder that a re-encoding grows in."""
    other = FakeEncoder(dimension=24, name="other", fingerprint="e" * 32)
    scratch = filled.path / SCRATCH
    scratch.mkdir()

    stored = StoredEncoder.of(other, filled.settings).to_json()
    fill_folder(scratch, {**filled._store.handle.meta, "encoder": stored, "canary": make_canary(other)})
    (scratch / "vectors-0.f16").unlink()
    filled.reencode(other)
    assert filled.status().dimension == 24
    assert sorted(hit.document for hit in filled.search("bee", k=9)) == ["d0", "d1", "d2"]
