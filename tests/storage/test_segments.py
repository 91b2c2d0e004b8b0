"""Segments: few of them whatever the commits, never needed for a right answer, made again when they are damaged."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedIndexWarning
from semsearch.lexical import terms
from semsearch.storage.segments import kinds, writer
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder

TABLES = ("postings", "fields")
QUESTIONS = [("bee3 wing2", None), ("sky7", "n < 50"), ("wing1 far", "half = 'a' and n >= 20"), ("gone", None)]


def documents(start, stop):
    """Documents of two lines with metadata."""
    return [
        Document(f"bee{n} wing{n % 7}\nsky{n % 11} far", id=f"d{n}", metadata={"n": n, "half": "ab"[n % 2]})
        for n in range(start, stop)
    ]


def answers(path):
    """What each question finds by words, with the number of documents, as another reader sees it."""
    with Collection.open(path, FakeEncoder()) as collection:
        found = []
        for text, where in QUESTIONS:
            hits = collection.search(text, k=1000, where=where, mode="lexical")
            found.append([[(hit.document, hit.passage, hit.score) for hit in hits], hits.documents])
        return found


def same(before, after):
    """Whether the hits are equal, with scores but for rounding: means of lengths are summed in other orders."""
    for (some, documents_before), (others, documents_after) in zip(before, after, strict=True):
        assert sorted(hit[:2] for hit in some) == sorted(hit[:2] for hit in others)
        np.testing.assert_allclose([hit[2] for hit in some], [hit[2] for hit in others], rtol=1e-5)
        assert documents_before == documents_after


def records(path, table):
    """First row, rows and file of each segment."""
    with closing(sqlite3.connect(path / "collection.db")) as connection:
        return connection.execute(f"SELECT first, rows, file FROM {table} ORDER BY first").fetchall()


@pytest.fixture
def notes(tmp_path):
    """An empty collection of lines."""
    collection = Collection.create(tmp_path / "notes", FakeEncoder(), CollectionSettings(unit="line"))
    yield collection
    collection.close()


@pytest.fixture
def small_files(monkeypatch):
    """Segments of 64 rows and more are files."""
    monkeypatch.setattr(writer, "FILE_ROWS", 64)


@pytest.mark.parametrize("table", TABLES)
def test_many_small_commits_leave_few_segments(notes, table):
    """A segment is merged with those before it that are not much larger; together they cover all rows."""
    for n in range(70):
        notes.add(documents(n, n + 1))
    found = records(notes.path, table)
    assert len(found) <= 8
    assert sum(rows for _, rows, _ in found) == 140
    assert [first for first, _, _ in found] == list(np.cumsum([0, *(rows for _, rows, _ in found)]))[:-1]
    notes.compact()
    assert records(notes.path, table) == [(0, 140, None)]


@pytest.mark.usefixtures("small_files")
def test_what_has_grown_is_a_file_and_a_large_file_is_kept(notes):
    """Adding a little rewrites nothing large, and files that are out of use go."""
    notes.add(documents(0, 100))
    (first,) = records(notes.path, "postings")
    assert first[:2] == (0, 200)
    stamp = _stamp(notes.path / first[2])
    for n in range(100, 110):
        notes.add(documents(n, n + 1))
    assert records(notes.path, "postings")[0] == first
    assert _stamp(notes.path / first[2]) == stamp
    notes.add(documents(110, 300))
    stored = {file for table in TABLES for _, _, file in records(notes.path, table) if file}
    assert stored == {file.name for file in notes.path.glob("*.safetensors")}
    assert verify_folder(notes.path).sound


def _stamp(path):
    """What a write would change, and a look does not."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "missing", "other"])
def test_a_damaged_file_changes_no_answer_and_is_made_again(notes, table, damage):
    """A reader says that it is slower; the next change makes it anew, and so does a compaction."""
    notes.add(documents(0, 100))
    notes.delete(["d3", "d60"])
    before = answers(notes.path)
    file = notes.path / records(notes.path, table)[0][2]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    other = next(notes.path.glob("*-*.f16")).read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes({"flipped": content, "short": content[:-9], "empty": b"", "other": other}[damage])
    with pytest.warns(DamagedIndexWarning, match=file.name):
        same(before, answers(notes.path))
    (finding,) = verify_folder(notes.path).findings
    assert finding.name == file.name
    notes.add(documents(100, 101))
    notes.delete(["d100"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(before, answers(notes.path))
    assert verify_folder(notes.path).sound


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("value", [b"", b"\xff" * 64, "text", None, 7])
def test_damaged_content_of_the_table_changes_no_answer(notes, table, value):
    """What is kept in the database is compared with its checksum, too."""
    notes.add(documents(0, 30))
    before = answers(notes.path)
    with closing(sqlite3.connect(notes.path / "collection.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE {table} SET content = ?", (value,))
    with pytest.warns(DamagedIndexWarning, match=table):
        same(before, answers(notes.path))
    assert [finding.part for finding in verify_folder(notes.path).findings] == ["index"]
    notes.compact()
    same(before, answers(notes.path))
    assert verify_folder(notes.path).sound


@pytest.mark.parametrize("change", ["compact", "reencode", "repair", "export"])
@pytest.mark.parametrize("files", [False, True], ids=["table", "files"])
def test_segments_follow_every_change_of_the_rows(notes, tmp_path, monkeypatch, change, files):
    """Rows that are numbered anew, another model, a new database, an archive: the same words are found."""
    if files:
        monkeypatch.setattr(writer, "FILE_ROWS", 64)
    notes.add(documents(0, 60))
    notes.add(documents(40, 100))
    notes.delete([f"d{n}" for n in range(0, 90, 3)])
    before, path = answers(notes.path), notes.path
    if change == "compact":
        notes.compact()
    elif change == "reencode":
        notes.reencode(FakeEncoder(name="other"))
    elif change == "repair":
        with (path / "vectors-0.f16").open("r+b") as file:
            file.write(b"\x01\x02")
        from semsearch.storage.upkeep.repair import repair_folder

        repair_folder(path, lambda _: FakeEncoder())
    else:
        with (tmp_path / "archive").open("wb") as target:
            notes.export(target)
        with (tmp_path / "archive").open("rb") as source:
            path = import_archive(source, tmp_path, "copy")
    same(before, answers(path))
    assert sum(rows for _, rows, _ in records(path, "postings")) == sum(rows for _, rows, _ in records(path, "fields"))
    assert all(records(path, table) for table in TABLES)
    assert verify_folder(path).sound


@pytest.mark.parametrize("files", [False, True], ids=["table", "files"])
def test_another_version_of_the_analysis_makes_them_again(notes, monkeypatch, files):
    """By the reader in memory, by the next change for good."""
    if files:
        monkeypatch.setattr(writer, "FILE_ROWS", 64)
    notes.add(documents(0, 50))
    before = answers(notes.path)
    newer = kinds.SegmentKind(
        **{name: getattr(kinds.POSTING_SEGMENTS, name) for name in ("table", "build", "read", "merge")},
        version=terms.ANALYSIS + 1,
    )
    monkeypatch.setattr("semsearch.storage.snapshot.POSTING_SEGMENTS", newer)
    monkeypatch.setattr(writer, "SEGMENT_KINDS", (newer, kinds.FIELD_SEGMENTS))
    same(before, answers(notes.path))
    notes.add(documents(50, 51))
    with closing(sqlite3.connect(notes.path / "collection.db")) as connection:
        assert connection.execute("SELECT DISTINCT version FROM postings").fetchall() == [(terms.ANALYSIS + 1,)]


def test_a_reader_keeps_its_segments_across_a_commit(notes, monkeypatch):
    """What it has read is not read again; only the new segment is."""
    for n in range(3):
        notes.add(documents(n * 100, n * 100 + 100 - 40 * n))
    read = []
    original = kinds.POSTING_SEGMENTS.read
    counting = kinds.SegmentKind(
        **{name: getattr(kinds.POSTING_SEGMENTS, name) for name in ("table", "version", "build", "merge")},
        read=lambda content, first: read.append(first) or original(content, first),
    )
    monkeypatch.setattr("semsearch.storage.snapshot.POSTING_SEGMENTS", counting)
    with Collection.open(notes.path, FakeEncoder()) as reader:
        reader.search("bee3", mode="lexical")
        assert read
        first_read = list(read)
        notes.add(documents(400, 401))
        assert [hit.document for hit in reader.search("bee400", k=1, mode="lexical")] == ["d400"]
        assert len(read) == len(first_read) + 1


def test_nothing_is_left_of_what_was_deleted(notes):
    """A collection that has been emptied and compacted has no words."""
    notes.add(documents(0, 20))
    notes.delete(notes.ids())
    notes.compact()
    assert [records(notes.path, table) for table in TABLES] == [[], []]
    assert notes.search("bee3", mode="lexical") == []
    notes.add(documents(5, 6))
    assert [hit.document for hit in notes.search("bee5", k=1, mode="lexical")] == ["d5"]


@pytest.mark.usefixtures("small_files")
def test_a_long_run_writes_files_on_its_way(notes, monkeypatch):
    """Its table stays small: what is deleted there would leave room in the database that nobody needs."""
    monkeypatch.setattr(writer, "MOST_IN_TABLE", 128)
    monkeypatch.setattr("semsearch.storage.sync.BATCH_DOCUMENTS", 30)
    in_table = []

    def look(_):
        in_table.append(max(sum(rows for _, rows, file in records(notes.path, table) if not file) for table in TABLES))

    notes.sync(documents(0, 400), progress=look)
    assert max(in_table) <= 128
    assert len(in_table) > 10
    assert verify_folder(notes.path).sound
    assert [hit.document for hit in notes.search("bee399", k=1, mode="lexical")] == ["d399"]


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_a_document_that_is_read_again_is_one_however_many_rows_are_read_at_a_time(notes, monkeypatch, rows):
    """What is made of the documents is what the commits have made, long documents and deleted ones among them."""
    monkeypatch.setattr("semsearch.storage.segments.reading.BUILT_ROWS", rows)
    notes.add(
        [*documents(0, 10), Document("\n".join(f"bee{n} long" for n in range(100)), id="long", metadata={"n": 99})]
    )
    notes.add(documents(10, 20))
    notes.delete(["d3", "d4", "d12"])
    before, fields = answers(notes.path), notes.fields()
    with closing(sqlite3.connect(notes.path / "collection.db", isolation_level=None)) as connection:
        for table in TABLES:
            connection.execute(f"UPDATE {table} SET content = x''")
    with pytest.warns(DamagedIndexWarning):
        same(before, answers(notes.path))
    assert notes.fields() == fields
    notes.compact()
    same(before, answers(notes.path))
    assert notes.fields() == fields


def test_a_long_document_is_read_once_for_all_of_its_passages(notes):
    """However many of them are wanted: else a file of many lines would take the square of their number."""
    notes.add([Document("\n".join(f"bee{n}" for n in range(400)), id="long"), *documents(0, 3)])
    asked = []
    with notes._store.pinned() as snapshot:
        connection = notes._store.handle.connection
        connection.set_trace_callback(asked.append)
        passages = notes._store.passages(range(snapshot.rows))
        connection.set_trace_callback(None)
    assert [passages[row].text for row in range(400)] == [f"bee{n}" for n in range(400)]
    assert sum("FROM documents" in query for query in asked) == 1
