"""Which id a document of a file has, and which documents are gone."""

from __future__ import annotations

import io
import os

import pytest

from semsearch.common.errors import DamagedError, InputError
from semsearch.ingest.files import is_gone
from semsearch.ingest.formats.registry import FORMATS
from semsearch.ingest.reader import Reader
from tests.storage.test_database import change


@pytest.fixture
def put(tmp_path):
    """Write files below a folder of the test's."""

    def written(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return written


def index(collection, *paths, prune=False, **options):
    """Bring a collection up to date with files, as the command does."""
    reader = Reader(paths, allow_missing=prune, **options)
    return collection.sync(reader, prune=reader.sources if prune else None)


def test_a_file_keeps_its_id_however_its_path_is_given(notes, put, monkeypatch):
    """Through its folder, by itself, through a folder above or below, relative or by a link: one document."""
    root = put(docs__sub__a_md="a heron", docs__b_md="a loan")
    index(notes, root / "docs")
    ids = ["docs/b.md", "docs/sub/a.md"]
    (root / "link").symlink_to(root / "docs")
    monkeypatch.chdir(root / "docs" / "sub")
    for path in (root / "docs" / "sub" / "a.md", root / "docs" / "sub", root, "a.md", "..", root / "link" / "b.md"):
        (root / "docs" / "sub" / "a.md").write_text(f"a heron seen from {path}")
        index(notes, path)
        assert notes.ids() == ids


def test_lines_and_records_keep_their_ids_too(notes, put):
    """The place in the file is behind the name that the file has."""
    root = put(f__q_txt="one\ntwo\n", f__r_jsonl='{"text": "three"}\n{"id": "own", "text": "four"}\n')
    index(notes, root / "f" / "q.txt", file_format=FORMATS["lines"])
    index(notes, root / "f" / "r.jsonl")
    ids = ["own", "q.txt:1", "q.txt:2", "r.jsonl:1"]
    assert notes.ids() == ids
    index(notes, root / "f", include=["q.txt"], file_format=FORMATS["lines"])
    index(notes, root / "f", include=["*.jsonl"])
    assert notes.ids() == ids


def test_files_of_one_name_are_told_apart_by_a_longer_path(notes, put):
    """The first keeps the short name, in this run and in all later ones."""
    root = put(r__a__README_md="a heron", r__b__README_md="a loan", s__b__README_md="a jet")
    files = [root / "r" / "a" / "README.md", root / "r" / "b" / "README.md", root / "s" / "b" / "README.md"]
    assert index(notes, *files).added == 3
    ids = ["README.md", "b/README.md", "s/b/README.md"]
    assert notes.ids() == ids
    assert index(notes, *reversed(files)).unchanged == 3
    assert index(notes, root / "r").unchanged == 2
    assert notes.ids() == ids


def test_records_with_one_id_in_two_files_are_told_apart(notes, put):
    """The second one's id begins with its file; which of them changes does not matter."""
    root = put(a_csv="id,text\n1,heron\n2,loan\n", b_csv="id,text\n1,jet\n3,bread\n")
    assert index(notes, root / "a.csv", root / "b.csv").added == 4
    ids = ["1", "2", "3", "b.csv:1"]
    assert notes.ids() == ids
    put(b_csv="id,text\n1,jets\n3,bread\n")
    report = index(notes, root / "b.csv", root / "a.csv")
    assert (report.updated, report.unchanged) == (1, 3)
    (root / "a.csv").unlink()
    report = index(notes, root / "b.csv", root / "a.csv", prune=True)
    assert (report.unchanged, report.removed) == (2, 2)
    assert notes.ids() == ["3", "b.csv:1"]


def test_a_second_pipe_adds_to_the_first(notes):
    """Documents of a pipe are called by what is in them, so that the same ones come once."""
    for content in (b"heron\nloan\n", b"jet\nheron\n"):
        notes.sync(Reader(["-"], stdin=io.BytesIO(content)))
    assert sorted(hit.text for hit in notes.search("x", k=10)) == ["heron", "jet", "loan"]


def test_a_moved_folder_keeps_its_ids(notes, put):
    """Whoever is not there any more is no owner of a name."""
    root = put(old__docs__a_md="a heron")
    index(notes, root / "old" / "docs")
    (root / "old").rename(root / "new")
    report = index(notes, root / "new" / "docs")
    assert (report.updated, report.passages) == (1, 0)
    assert notes.ids() == ["docs/a.md"]
    assert index(notes, root / "new" / "docs" / "a.md").unchanged == 1


@pytest.mark.parametrize("again", [{"prune": True}, {"prune": True, "include": ["*.txt"]}])
def test_what_is_there_is_not_pruned(notes, put, again):
    """A file that another run took by a glob is gone only when it is gone."""
    root = put(f__a_md="a heron", f__b_txt="a loan", f__c_md="a jet")
    index(notes, root / "f")
    (root / "f" / "c.md").unlink()
    assert index(notes, root / "f", **again).removed == 1
    assert notes.ids() == ["f/a.md", "f/b.txt"]


@pytest.mark.parametrize("last", ["folder", "file", "table", "pipe"])
def test_the_last_document_can_be_pruned(notes, put, last):
    """Of a folder without files, of one that is gone, of a table without rows, of a pipe without lines."""
    root = put(f__a_md="a heron", t_csv="id,text\n1,heron\n")
    options = {"stdin": io.BytesIO(b"heron\n")} if last == "pipe" else {}
    path = {"folder": root / "f", "file": root / "f", "table": root / "t.csv", "pipe": "-"}[last]
    index(notes, path, **options)
    (root / "f" / "a.md").unlink()
    if last == "folder":
        (root / "f").rmdir()
    put(t_csv="id,text\n")
    assert index(notes, path, prune=True, **options).removed == 1
    assert notes.ids() == []


def test_a_path_that_was_never_there_is_a_mistake_when_pruning_too(notes, tmp_path):
    """The message is that of any path that is not there."""
    with pytest.raises(InputError, match="no file or folder"):
        index(notes, tmp_path / "tpyo", prune=True)


@pytest.mark.parametrize("broken", ['{"id": "b", "text": ', b"\xff\xfe broken"])
def test_what_was_skipped_is_not_gone(notes, put, broken):
    """A record that cannot be read, or a file, stays as it was stored."""
    root = put(f__a_jsonl='{"id": "a", "text": "heron"}\n{"id": "b", "text": "loan"}\n', f__c_txt="a jet")
    index(notes, root / "f")
    if isinstance(broken, str):
        put(f__a_jsonl='{"id": "a", "text": "heron"}\n' + broken)
    else:
        (root / "f" / "c.txt").write_bytes(broken)
    report = index(notes, root / "f", prune=True, skip_bad=True)
    assert (report.removed, notes.ids()) == (0, ["a", "b", "f/c.txt"])


def test_documents_behind_a_link_are_pruned_with_the_link(notes, put):
    """They come from elsewhere, and were found below this path."""
    root = put(docs__a_md="a heron", elsewhere__b_md="a loan")
    (root / "docs" / "more").symlink_to(root / "elsewhere")
    index(notes, root / "docs")
    assert notes.ids() == ["docs/a.md", "docs/more/b.md"]
    assert index(notes, root / "docs", prune=True).removed == 0
    (root / "docs" / "more").unlink()
    assert index(notes, root / "docs", prune=True).removed == 1
    assert (root / "elsewhere" / "b.md").exists()


@pytest.mark.parametrize(
    ("error", "gone"),
    [(FileNotFoundError, True), (NotADirectoryError, True), (PermissionError, False), (OSError, False)],
)
def test_only_what_is_known_to_be_gone_is_gone(monkeypatch, error, gone):
    """A file that cannot be looked at may be there."""

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(os, "stat", refuse)
    assert is_gone("/f/b.md") is gone


def test_a_damaged_source_is_not_taken_for_one_that_is_gone(notes, put):
    """What is removed is compared with its hash first."""
    root = put(f__a_md="a heron", f__b_md="a loan")
    index(notes, root / "f")
    change(notes, "UPDATE documents SET source = ? WHERE id = 'f/b.md'", f"{root.resolve().as_posix()}/f/x.md")
    with pytest.raises(DamagedError, match=r"f/b\.md"):
        index(notes, root / "f", prune=True, include=["a.md"])
    assert notes.ids() == ["f/a.md", "f/b.md"]


def test_names_outlive_a_repair_and_a_compaction(notes, put):
    """They are copied with what is sound, and forgotten when no document is left of a file."""
    from semsearch.storage.upkeep.repair import repair_folder

    root = put(r__a__x_md="a heron", r__b__x_md="a loan")
    index(notes, root / "r" / "a" / "x.md", root / "r" / "b" / "x.md")
    notes._store.close()
    repair_folder(notes.path, lambda _: notes.encoder)
    notes.compact()
    assert index(notes, root / "r" / "b" / "x.md", root / "r" / "a").unchanged == 2
    assert notes.ids() == ["b/x.md", "x.md"]
