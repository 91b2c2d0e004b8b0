"""Damaged bytes are noticed, not served: random damage to every file of a collection, read in another process."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedError
from semsearch.storage.tables import TABLES
from semsearch.storage.upkeep import repair
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.damage_harness import answers, build, build_with_log, damages
from tests.support.fake_encoder import FakeEncoder

NULLABLE = {
    "documents": ("hash", "passages", "crc", "metadata", "text"),
    "passages": ("document", "ordinal", "start", "stop", "cut", "unknown", "crc"),
    "words": ("first", "number", "spans", "crc"),
    "blocks": ("rows", "sha256"),
    "readings": ("content", "crc"),
    "word_blocks": ("rows", "sha256"),
    "meta": ("value",),
    "state": ("generation", "epoch", "rows", "documents", "passages", "dead", "settings", "indexing", "crc"),
}
"""Columns that hold a value in every sound row."""
HARNESS = Path(__file__).parents[1] / "support" / "damage_harness.py"


def tried(sound, scratch, chosen):
    """What became of each damage; a process that crashes is a failure."""
    scratch.mkdir()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, HARNESS, sound, scratch],
        input="".join(json.dumps(one) + "\n" for one in chosen),
        capture_output=True,
        text=True,
        timeout=250,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("tokens", [False, True], ids=["passages", "words"])
@pytest.mark.parametrize("log", [False, True], ids=["merged", "log"])
@pytest.mark.parametrize(
    ("flips", "cuts"), [(40, 12), pytest.param(500, 100, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_damage_is_harmless_or_reported(tmp_path, flips, cuts, log, tokens):
    """After a flipped byte or a cut, results are the same, or an error names ``verify``, which finds it, too."""
    (build_with_log if log else build)(tmp_path / "sound", tokens)
    chosen = [
        {**one, "repair": number % 4 == 0}
        for number, one in enumerate(damages(tmp_path / "sound", flips, cuts, seed=flips))
    ]
    results = tried(tmp_path / "sound", tmp_path / "scratch", chosen)
    assert len(results) == flips + cuts
    assert not [one for one in results if one["outcome"] not in ("same", "reported", "warned")]
    assert not [one for one in results if one["outcome"] != "same" and one["sound"]]
    repairs = [one["repair"] for one in results if isinstance(one.get("repair"), str)]
    fine = ("mended", "put aside", "rolled back")
    assert not [one for one in repairs if one not in fine and "cannot be mended" not in one]
    assert {one["outcome"] for one in results} == {"same", "reported", "warned"}  # the damages were worth trying
    files = {one["file"] for one in results if one["outcome"] == "reported"}
    assert files >= {"collection.db", "words-0.u8" if tokens else "vectors-0.f16"}
    assert ("collection.db-wal" in files) == log


@pytest.fixture
def whole(tmp_path):
    """A collection with an index."""
    build(tmp_path / "whole")
    return tmp_path / "whole"


def flip(file, at):
    """Change a byte of a file."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def test_a_sound_collection_is_found_sound(whole):
    """Nothing is found where nothing is wrong, and the counts are those of the collection."""
    report = verify_folder(whole)
    with Collection.open(whole) as collection:
        status = collection.status()
        assert collection.verify() == report
    assert report.sound
    assert (report.documents, report.passages) == (status.documents, status.passages)
    assert report.rows == status.passages + status.deleted


def test_damage_is_named_with_its_mend(whole):
    """Each finding says what is damaged, which one it is, and what a repair does."""
    flip(whole / "vectors-0.f16", 36 * 7)
    flip(next(whole.glob("index-*.faiss")), 100)
    (whole / "vectors-7.f16").write_bytes(b"left behind")
    found = Counter((one.part, one.name) for one in verify_folder(whole).findings)
    assert found["vector", "7"] == 1
    assert found["file", "vectors-7.f16"] == 1
    assert [name for part, name in found if part == "index"] == [next(whole.glob("index-*.faiss")).name]


def test_a_damaged_vector_is_encoded_again_from_its_text(whole):
    """A repair gives the same results as before the damage, asks the encoder for one document only, and is sound."""
    before = answers(whole)
    flip(whole / "vectors-0.f16", 36 * 7)
    encoder = FakeEncoder()
    done = repair_folder(whole, lambda _: encoder)
    assert (done.documents, done.encoded, done.aside, done.file) == (51, 1, 0, None)
    assert len(encoder.encoded) == 2
    assert verify_folder(whole).sound
    assert set(answers(whole)["ids"]) == set(before["ids"])
    assert [hit[0].split(", score")[1] for hit in answers(whole)["soup True"]] == [
        hit[0].split(", score")[1] for hit in before["soup True"]
    ]


def test_a_document_that_cannot_be_saved_is_put_aside_and_named(whole):
    """Its file holds what is left of it; all others stay, and it can be added again."""
    content = (whole / "collection.db").read_bytes()
    at = content.index(b"It stings.")
    flip(whole / "collection.db", at)
    done = repair_folder(whole, lambda _: FakeEncoder())
    assert (done.documents, done.aside) == (50, 1)
    (left,) = [json.loads(line) for line in Path(done.file).read_text(encoding="utf-8").splitlines()]
    assert (left["id"], left["title"]) == ("late", "Late")
    assert left["text"].startswith("A late bee. It hums. ")
    assert verify_folder(whole).sound
    with Collection.open(whole, FakeEncoder()) as collection:
        assert "late" not in set(collection.ids())
        assert collection.add([Document("A late bee.", id="late")]).added == 1


@pytest.mark.parametrize("same_batch", [True, False])
def test_of_two_documents_with_one_id_the_newer_is_kept(whole, monkeypatch, same_batch):
    """A damaged index of ids lets a second one in; a repair keeps what was added last, and counts what is there."""
    monkeypatch.setattr(repair, "BATCH", 256 if same_batch else 1)
    with closing(sqlite3.connect(whole / "collection.db")) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex_documents%'"
        page = connection.execute(query).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = (whole / "collection.db").read_bytes()
    flip(whole / "collection.db", content.index(b"late", (page - 1) * size, page * size))
    with Collection.open(whole, FakeEncoder()) as collection:
        assert collection.add([Document("Another bee.", id="late")]).added == 1
    assert not verify_folder(whole).sound
    done = repair_folder(whole, lambda _: FakeEncoder())
    assert (done.documents, done.aside) == (51, 0)
    assert verify_folder(whole).sound
    with Collection.open(whole, FakeEncoder()) as collection:
        assert [hit.text for hit in collection.search("bee", k=1000) if hit.document == "late"] == ["Another bee."]


@pytest.mark.parametrize("table", sorted(table.name for table in TABLES))
def test_a_table_that_is_missing_is_found_and_mended(tmp_path, table):
    """Also if it had no rows; without its settings a collection cannot be mended, and its documents are kept."""
    path = tmp_path / "words"
    with Collection.create(path, FakeEncoder(), CollectionSettings(word_vectors=True)) as collection:
        collection.add(["A bee hums.", "A jet roars."])
    with closing(sqlite3.connect(path / "collection.db")) as connection, connection:
        connection.execute(f"DROP TABLE {table}")
    report = verify_folder(path)
    assert [finding for finding in report.findings if f"no such table: {table}" in finding.problem]
    if table == "meta":
        with pytest.raises(DamagedError, match="settings are lost"):
            repair_folder(path, lambda _: FakeEncoder())
    else:
        done = repair_folder(path, lambda _: FakeEncoder())
        assert (done.documents, done.aside) == ((0, 2) if table == "documents" else (2, 0))
        assert verify_folder(path).sound


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in NULLABLE.items() for column in columns]
)
@pytest.mark.parametrize("use", [lambda c: c.search("bee"), lambda c: c.delete(["0"]), Collection.compact])
def test_a_value_that_is_gone_is_damage(tmp_path, table, column, use):
    """Where a value was and there is none, it is found, and what depends on it says so."""
    path = tmp_path / "words"
    with Collection.create(path, FakeEncoder(), CollectionSettings(word_vectors=True)) as collection:
        collection.add([Document("A bee hums.", id="0"), Document("A jet roars.", id="1")])
        collection.delete(["1"])
    with closing(sqlite3.connect(path / "collection.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
    with closing(sqlite3.connect(path / "collection.db")) as connection, connection:
        connection.execute(f"UPDATE {table} SET {column} = NULL")
    assert not verify_folder(path).sound
    with suppress(DamagedError), Collection.open(path, FakeEncoder()) as collection:
        use(collection)


def test_documents_survive_lost_settings(whole):
    """Without settings a collection cannot be mended; the message names a file with all its documents."""
    connection = sqlite3.connect(whole / "collection.db", isolation_level=None)
    connection.execute("UPDATE meta SET value = '{' WHERE key = 'encoder'")
    connection.close()
    with pytest.raises(DamagedError, match="settings are lost") as caught:
        repair_folder(whole, lambda _: FakeEncoder())
    file = next(whole.glob("damaged-*.jsonl"))
    assert str(file) in str(caught.value)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 51


def test_a_lost_date_is_no_reason_to_lose_more(whole):
    """When the collection was made is not known after the repair; everything else is."""
    with closing(sqlite3.connect(whole / "collection.db")) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key = 'created'")
    assert repair_folder(whole, lambda _: FakeEncoder()).documents == 51
    with Collection.open(whole, FakeEncoder()) as collection:
        assert (collection.status().documents, collection.status().created) == (51, "")


def test_a_reader_goes_on_over_a_repair(whole):
    """A collection that is open during a repair answers from the repaired state afterwards."""
    with Collection.open(whole, FakeEncoder()) as collection:
        before = [hit.text for hit in collection.search("bee", k=1000)]
        flip(whole / "vectors-0.f16", 36 * 7)
        repair_folder(whole, lambda _: FakeEncoder())
        assert sorted(hit.text for hit in collection.search("bee", k=1000)) == sorted(before)
    assert [file.name for file in whole.glob("vectors-*")] == ["vectors-1.f16"]
