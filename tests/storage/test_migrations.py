"""Collections of earlier formats open for ever; those of later formats are refused."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from semsearch import Collection, Document
from semsearch.common.errors import DamagedError, FormatError
from semsearch.storage.database import migrations
from semsearch.storage.database.schema import FORMAT
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder, cosines

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("format-*.zip"))
PASSAGES = ["A bee has wings.", "A jet flies higher.", "It makes honey.", "北京是中国的首都。", "🐝"]


@pytest.fixture
def old(tmp_path):
    """The golden collection of format 1."""
    with zipfile.ZipFile(GOLDEN[0]) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "format-1"


def test_there_is_a_golden_collection_of_every_earlier_format():
    """Each format up to today's has its file, and its migration."""
    numbers = [int(file.stem.split("-")[1]) for file in GOLDEN]
    assert numbers == list(range(1, FORMAT + 1))
    assert sorted(migrations.MIGRATIONS) == list(range(1, FORMAT))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_golden_collection_opens(tmp_path, file):
    """It is searched with the scores of its texts, described, found sound, and written to."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
    with Collection.open(tmp_path / file.stem, FakeEncoder()) as collection:
        hits = collection.search("bee wings", k=100, mode="dense")
        assert sorted(hit.text for hit in hits) == sorted(PASSAGES)
        read = [f"Insects {hit.text}" if hit.document == "bee" else hit.text for hit in hits]
        assert [hit.score for hit in hits] == pytest.approx(cosines("bee wings", read), abs=1e-5)
        assert sorted(collection.ids()) == ["bee", "jet", "北京/1"]
        assert collection.status().passages == len(PASSAGES)
        assert collection.verify().sound
        assert collection.add([Document("A new one.", id="new")]).added == 1
        assert collection.delete(["jet"]) == 1
    assert verify_folder(tmp_path / file.stem).sound


def test_an_index_in_parts_is_forgotten_with_its_tuning(old):
    """Format 1 recorded an index in two forms, and an index can be built again: the later form is dropped too."""
    with closing(sqlite3.connect(old / "collection.db")) as connection:
        connection.executescript(
            "DROP TABLE indexes; "
            "CREATE TABLE indexes (first INTEGER PRIMARY KEY, rows INTEGER, file TEXT, sha256 TEXT); "
            "CREATE TABLE tuning (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID; "
            "INSERT INTO indexes VALUES (0, 5, 'index-7-0.faiss', 'ab'); "
            "INSERT INTO tuning VALUES ('factory', '\"Flat\"')"
        )
    (old / "index-7-0.faiss").write_bytes(b"an index of before")
    with Collection.open(old, FakeEncoder()) as collection:
        assert len(collection.search("bee", k=100, mode="dense")) == len(PASSAGES)
        assert collection.status().index == "exact"
        collection.compact()
        assert not (old / "index-7-0.faiss").exists()
        assert collection.verify().sound


def test_a_migration_that_fails_changes_nothing(old, monkeypatch):
    """The database stays as it was, and is migrated the next time."""
    content = (old / "collection.db").read_bytes()

    def failing(connection, folder):
        migrations.add_seal(connection, folder)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setitem(migrations.MIGRATIONS, 1, failing)
        with pytest.raises(Exception, match="free space"):
            Collection.open(old, FakeEncoder())
    with closing(sqlite3.connect(old / "collection.db")) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == ("1",)
        assert "former" not in str(connection.execute("SELECT name FROM sqlite_master").fetchall())
    assert len((old / "collection.db").read_bytes()) >= len(content)
    with Collection.open(old, FakeEncoder()) as collection:
        assert len(collection.search("bee", k=100, mode="dense")) == len(PASSAGES)


def test_a_newer_format_is_refused_with_the_program_that_it_needs(tmp_path):
    """The message says which semsearch reads it, and nothing is changed."""
    with Collection.create(tmp_path / "notes", FakeEncoder()):
        pass
    with closing(sqlite3.connect(tmp_path / "notes" / "collection.db", isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (json.dumps(FORMAT + 1),))
        connection.execute("UPDATE meta SET value = '\"9.8\"' WHERE key = 'needs'")
    with pytest.raises(FormatError, match=r"needs semsearch 9\.8"):
        Collection.open(tmp_path / "notes", FakeEncoder())


def test_a_collection_with_a_program_in_it_is_refused(tmp_path):
    """A trigger or a view, which semsearch never makes, is not run."""
    with Collection.create(tmp_path / "notes", FakeEncoder()):
        pass
    with closing(sqlite3.connect(tmp_path / "notes" / "collection.db", isolation_level=None)) as connection:
        connection.execute("CREATE TRIGGER evil AFTER INSERT ON dead BEGIN DELETE FROM documents; END")
    with pytest.raises(DamagedError, match="trigger 'evil'"):
        Collection.open(tmp_path / "notes", FakeEncoder())
