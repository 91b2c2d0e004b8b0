"""Files that are unchanged are not read again; what is said of them is true after any change."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from semsearch import Collection, Document
from semsearch.ingest.formats.format import Fields
from semsearch.ingest.reader import Reader
from semsearch.ingest.stamps import StampedReading
from tests.support.fake_encoder import FakeEncoder

LONG_AGO = (1_700_000_000, 1_700_000_000)


@pytest.fixture
def folder(tmp_path):
    """A folder with three files that were written long ago."""
    root = tmp_path / "notes"
    for name, text in (
        ("a.md", "# Bees\n\nA bee hums."),
        ("sub/b.txt", "A jet flies."),
        ("c.jsonl", '{"text": "Soup."}\n'),
    ):
        _put(root / name, text)
    return root


@pytest.fixture
def collection(tmp_path):
    """An empty collection."""
    with Collection.create(tmp_path / "made", FakeEncoder()) as made:
        yield made


@pytest.fixture
def opened(monkeypatch):
    """The names of files that are opened to be read."""
    names = []
    path_open = Path.open

    def _open(self, *arguments, **options):
        names.append(self.name)
        return path_open(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", _open)
    return names


def _put(path, text, when=LONG_AGO):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, when)


def _sync(collection, *paths, **options):
    return collection.sync(Reader(paths, skip_bad=True, **options))


def _read(opened):
    """Which of the notes were read since this was last asked."""
    names = [name for name in opened if Path(name).suffix in (".md", ".txt", ".jsonl")]
    opened.clear()
    return sorted(names)


def test_what_is_unchanged_is_not_opened(collection, folder, opened):
    """The second run reads nothing, and says how many documents are as they were."""
    report = _sync(collection, folder)
    assert (report.added, _read(opened)) == (3, ["a.md", "b.txt", "c.jsonl"])
    report = _sync(collection, folder)
    assert (report.unchanged, report.added, report.updated, _read(opened)) == (3, 0, 0, [])


def test_what_has_changed_is_read_alone(collection, folder, opened):
    """By its size, or by its time."""
    _sync(collection, folder)
    _read(opened)
    _put(folder / "a.md", "# Bees\n\nA bee stings.", (1_700_000_100, 1_700_000_100))
    report = _sync(collection, folder)
    assert (report.updated, report.unchanged, set(_read(opened))) == (1, 2, {"a.md"})
    assert collection.search("stings", k=1, mode="lexical")[0].document == "notes/a.md"


def test_a_touched_file_is_compared_by_its_content(collection, folder, opened):
    """It is unchanged, and not even looked into the next time."""
    _sync(collection, folder)
    os.utime(folder / "a.md", (1_700_000_500, 1_700_000_500))
    _read(opened)
    report = _sync(collection, folder)
    assert (report.unchanged, report.updated, _read(opened)) == (3, 0, ["a.md"])
    _sync(collection, folder)
    assert _read(opened) == []


def test_a_file_that_was_just_written_is_looked_into(collection, folder, opened):
    """It may be written again within the same tick of the clock: size and time do not tell."""
    now = folder / "a.md"
    now.write_text("# Bees\n\nA bee hums!")
    _sync(collection, folder)
    status = now.stat()
    now.write_text("# Bees\n\nA bee bites")
    os.utime(now, ns=(status.st_atime_ns, status.st_mtime_ns))
    report = _sync(collection, folder)
    assert report.updated == 1
    assert _read(opened)


def test_a_deleted_document_comes_back(collection, folder):
    """What was removed from the collection and is still in its file is added again."""
    _sync(collection, folder)
    collection.delete(["notes/a.md"])
    assert _sync(collection, folder).added == 1


@pytest.mark.parametrize("source", ["c.jsonl", None])
def test_a_document_that_was_changed_by_hand_is_put_right(collection, folder, source):
    """Whether it still says that it is of the file or not."""
    _sync(collection, folder)
    place = str(folder / source) if source else None
    collection.add([Document("Something else.", "notes/c.jsonl:1", source=place)])
    assert _sync(collection, folder).updated == 1
    assert collection.search("soup", k=1, mode="lexical")[0].text == "Soup."


def test_documents_that_others_say_are_of_a_file_are_pruned(collection, folder):
    """A file is read again if somebody has added documents in its name."""
    _sync(collection, folder)
    collection.add([Document("Not there.", "strange", source=str(folder / "c.jsonl"))])
    report = collection.sync(Reader([folder]), prune=[str(folder)])
    assert (report.removed, report.unchanged) == (1, 3)
    assert "strange" not in collection.ids()


def test_other_fields_have_a_file_read_again(collection, folder):
    """The same bytes may say something else."""
    _put(folder / "c.jsonl", '{"text": "Soup.", "body": "Stew."}\n')
    _sync(collection, folder)
    report = _sync(collection, folder, fields=Fields(text="body"))
    assert (report.updated, report.unchanged) == (1, 2)


def test_a_file_with_a_broken_record_is_read_each_time(collection, folder, opened):
    """It is named each time, until it is mended."""
    _put(folder / "c.jsonl", '{"text": "Soup."}\n{\n')
    for _ in range(2):
        _read(opened)
        assert _sync(collection, folder).skipped == 1
        assert "c.jsonl" in _read(opened)


def test_a_dry_run_leaves_nothing_behind(collection, folder):
    """What it has looked at is still to be added."""
    assert collection.sync(Reader([folder]), dry_run=True).added == 3
    assert _sync(collection, folder).added == 3


def test_an_interrupted_run_reads_the_rest(collection, folder, monkeypatch):
    """Only files all whose documents were committed count as read."""
    monkeypatch.setattr("semsearch.storage.sync.BATCH_DOCUMENTS", 2)
    lines = "".join(f'{{"text": "Line {number}."}}\n' for number in range(10))
    _put(folder / "c.jsonl", lines)

    def stop(report):
        if report.added >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.sync(Reader([folder]), progress=stop)
    report = _sync(collection, folder)
    assert report.added + report.unchanged == 12
    assert len(collection.ids()) == 12


def test_a_renamed_folder_keeps_its_vectors(collection, folder, tmp_path):
    """Each file is found again by its content: nothing is encoded, nothing is there twice."""
    _sync(collection, folder)
    folder.rename(tmp_path / "papers")
    report = _sync(collection, tmp_path / "papers")
    assert (report.moved, report.added, report.removed, report.passages) == (3, 3, 3, 0)
    assert sorted(collection.ids()) == ["papers/a.md", "papers/c.jsonl:1", "papers/sub/b.txt"]


def test_a_copy_is_not_a_move(collection, folder, tmp_path):
    """The first file is still there, and so are its documents."""
    _sync(collection, folder)
    shutil.copytree(folder, tmp_path / "papers")
    report = _sync(collection, tmp_path / "papers")
    assert (report.moved, report.added, report.removed, report.passages) == (0, 3, 0, 0)


def test_a_damaged_stamp_costs_a_reading(collection, folder, opened):
    """The row is as if it were not there, and verify names it."""
    _sync(collection, folder)
    _read(opened)
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection:
        connection.execute("UPDATE stamps SET size = size + 1 WHERE source LIKE '%a.md'")
        connection.commit()
    assert any("stamps" in str(finding) for finding in collection.verify().findings)
    report = _sync(collection, folder)
    assert (report.unchanged, _read(opened)) == (3, ["a.md"])
    assert collection.verify().sound


def test_metadata_tell_what_a_file_is(collection, folder):
    """Its path in the folder, its kind, and when it was written: fields for filters; rows of tables have their own."""
    _sync(collection, folder)
    (hit,) = collection.search("jet", where="path like 'sub/%' and kind = 'text' and modified < '2024-01-01'")
    assert hit.document == "notes/sub/b.txt"
    assert hit.metadata["modified"] == "2023-11-14T22:13:20Z"
    assert collection.search("soup", k=1, mode="lexical")[0].metadata == {}


def test_pruning_keeps_what_was_passed_over(collection, folder, tmp_path):
    """Also a file whose name is not UTF-8, and one behind a link that was renamed."""
    _put(tmp_path / "out.txt", "Outside.")
    (folder / "l.txt").symlink_to(tmp_path / "out.txt")
    try:
        _put(folder / os.fsdecode(b"caf\xe9.txt"), "Coffee.")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    for _ in range(3):
        collection.sync(Reader([folder]), prune=[str(folder)])
        assert len(collection.ids()) == 5
    (folder / "l.txt").rename(folder / "l2.txt")
    for _ in range(2):
        collection.sync(Reader([folder]), prune=[str(folder)])
        assert len(collection.ids()) == 5
    _put(folder / "copy.txt", "Coffee.")
    assert _sync(collection, folder).moved == 0
    assert len(collection.ids()) == 6


def test_rows_that_were_left_once_are_pruned_later(collection, folder):
    """A file whose documents are not exactly those of the collection is read again."""
    _put(folder / "d.jsonl", '{"id": "1", "text": "One."}\n{"id": "2", "text": "Two."}\n')
    _sync(collection, folder)
    _put(folder / "d.jsonl", '{"id": "1", "text": "One."}\n')
    _sync(collection, folder)
    assert "2" in collection.ids()
    assert collection.sync(Reader([folder]), prune=[str(folder)]).removed == 1
    assert "2" not in collection.ids()


def test_tables_of_a_database_that_moves_are_told_apart(collection, tmp_path):
    """One table read at the new place takes no documents of the other."""
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.executescript(
            "CREATE TABLE a (text); CREATE TABLE b (text); INSERT INTO a VALUES ('A.'); INSERT INTO b VALUES ('B.');"
        )
    os.utime(tmp_path / "app.db", LONG_AGO)
    _sync(collection, f"{tmp_path}/app.db?table=a", f"{tmp_path}/app.db?table=b")
    (tmp_path / "app.db").rename(tmp_path / "new.db")
    report = _sync(collection, f"{tmp_path}/new.db?table=a")
    assert (report.moved, report.removed, len(collection.ids())) == (1, 1, 2)


def test_rows_in_the_log_of_a_database_are_read(collection, tmp_path):
    """The file itself is as it was until a checkpoint."""
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.executescript("PRAGMA journal_mode=wal; CREATE TABLE a (text); INSERT INTO a VALUES ('A.');")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.utime(tmp_path / "app.db", LONG_AGO)
        assert _sync(collection, f"{tmp_path}/app.db?table=a").added == 1
        connection.execute("INSERT INTO a VALUES ('B.')")
        connection.commit()
        assert _sync(collection, f"{tmp_path}/app.db?table=a").added == 1


def test_a_move_that_was_interrupted_is_made_good(collection, folder, monkeypatch):
    """The documents of the old place go with the next run."""
    _sync(collection, folder)
    (folder / "a.md").rename(folder / "z.md")
    monkeypatch.setattr("semsearch.storage.sync.Sync._follow_moved", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        _sync(collection, folder)
    monkeypatch.undo()
    report = _sync(collection, folder)
    assert (report.moved, report.removed) == (1, 1)
    assert "notes/a.md" not in collection.ids()


def test_a_dry_run_of_a_move_counts_what_will_be(collection, folder):
    """Records with ids of their own change their source, and none is removed."""
    _put(folder / "d.jsonl", '{"id": "1", "text": "One."}\n')
    _sync(collection, folder)
    (folder / "d.jsonl").rename(folder / "e.jsonl")
    planned = collection.sync(Reader([folder]), dry_run=True)
    done = _sync(collection, folder)
    assert (planned.updated, planned.removed, planned.moved) == (done.updated, done.removed, done.moved) == (1, 0, 1)


def test_inodes_may_be_large(collection, folder, monkeypatch):
    """Some file systems use all 64 bits, and SQLite has 63."""
    begin = StampedReading.__init__
    status = SimpleNamespace(st_size=1, st_mtime_ns=1, st_ino=(1 << 63) + 5)
    monkeypatch.setattr(StampedReading, "__init__", lambda self, _: begin(self, status))
    monkeypatch.setattr(StampedReading, "end", lambda self, _, *rest, end=StampedReading.end: end(self, status, *rest))
    assert _sync(collection, folder).added == 3
    assert collection.verify().sound
