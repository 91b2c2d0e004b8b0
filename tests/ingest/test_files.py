"""Which files the reader finds, and what it calls them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from semsearch.common.errors import InputError
from semsearch.ingest.formats.registry import FORMATS
from semsearch.ingest.reader import Reader


def write(folder, *names):
    """Write files that say what they are called."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}")


def ids(*paths, **options):
    """The ids of all documents that are read."""
    return [document.id for document in Reader(paths, **options)]


def test_a_folder_is_walked_in_order_of_its_paths(tmp_path):
    """All files of known kinds are found, at any depth, in the same order each time."""
    write(tmp_path / "notes", "b.txt", "a/z.md", "a/b/c.rst", "a.txt", "C.LOG")
    expected = ["notes/C.LOG", "notes/a.txt", "notes/a/b/c.rst", "notes/a/z.md", "notes/b.txt"]
    assert ids(tmp_path / "notes") == expected


def test_the_id_in_a_folder_begins_with_the_resolved_folder_name(tmp_path, monkeypatch):
    """``.`` and ``..`` in a path do not get into ids."""
    write(tmp_path / "notes", "sub/a.md")
    monkeypatch.chdir(tmp_path / "notes")
    assert ids(Path()) == ids(Path("sub/..")) == ["notes/sub/a.md"]


def test_a_file_given_by_name_is_called_by_its_name(tmp_path):
    """A file's id is its name, its source where it is."""
    write(tmp_path, "sub/a.md")
    (document,) = Reader([tmp_path / "sub" / "a.md"])
    assert document.id == "a.md"
    assert document.source == (tmp_path / "sub" / "a.md").resolve().as_posix()


def test_hidden_files_and_folders_are_left_out_of_a_folder(tmp_path):
    """A leading dot hides a file or a folder, but not one that is given by name."""
    write(tmp_path / "notes", "a.txt", ".b.txt", ".git/c.txt")
    assert ids(tmp_path / "notes") == ["notes/a.txt"]
    assert ids(tmp_path / "notes" / ".b.txt") == [".b.txt"]


def test_files_of_unknown_kinds_are_left_out_of_a_folder_and_counted(tmp_path):
    """Only known extensions are taken from a folder; ``ignored`` counts the others."""
    write(tmp_path / "notes", "a.txt", "b.bin", "c", "sub/d.png", ".hidden.bin")
    reader = Reader([tmp_path / "notes"])
    assert [document.id for document in reader] == ["notes/a.txt"]
    assert reader.ignored == 3


def test_a_file_left_out_of_a_folder_but_given_by_name_is_not_ignored(tmp_path):
    """A file that is read is not counted as ignored."""
    write(tmp_path / "notes", "a.bin")
    reader = Reader([tmp_path / "notes", tmp_path / "notes" / "a.bin"])
    assert [document.id for document in reader] == ["a.bin"]
    assert reader.ignored == 0


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["*.py"], ["notes/a.py", "notes/sub/b.py"]),
        (["sub/*"], ["notes/sub/b.py", "notes/sub/c.txt"]),
        (["*.md", "c.*"], ["notes/d.md", "notes/sub/c.txt"]),
        (["A.PY"], []),
    ],
)
def test_globs_choose_among_a_folders_files(tmp_path, globs, expected):
    """A glob is matched with the name and with the path in the folder, and takes any extension."""
    write(tmp_path / "notes", "a.py", "sub/b.py", "sub/c.txt", "d.md", ".e.py")
    reader = Reader([tmp_path / "notes"], include=globs)
    assert [document.id for document in reader] == expected
    assert reader.ignored == 0


def test_globs_leave_files_given_by_name_alone(tmp_path):
    """A file given by name is read whatever the globs say."""
    write(tmp_path, "a.txt")
    assert ids(tmp_path / "a.txt", include=["*.md"]) == ["a.txt"]


def test_the_kind_that_is_given_holds_for_all_paths(tmp_path):
    """``kind`` goes before the extension, in folders too."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.csv").write_text("three\nfour\n")
    found = ids(tmp_path / "notes", tmp_path / "b.csv", file_format=FORMATS["lines"])
    assert found == ["notes/a.txt:1", "notes/a.txt:2", "b.csv:1", "b.csv:2"]


def test_a_file_reached_twice_is_read_once(tmp_path):
    """A file keeps the id of the first path that led to it."""
    write(tmp_path / "notes", "a.md", "sub/b.md")
    (tmp_path / "link").symlink_to(tmp_path / "notes")
    found = ids(tmp_path / "notes", tmp_path / "notes" / "a.md", tmp_path / "notes" / "sub", tmp_path / "link")
    assert found == ["notes/a.md", "notes/sub/b.md"]


def test_symlinks_are_followed_but_not_in_circles(tmp_path):
    """A linked folder is read; links that loop or lead nowhere are left out."""
    write(tmp_path / "notes", "a.md", "z.md")
    write(tmp_path / "other", "b.md")
    (tmp_path / "notes" / "other").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "back").symlink_to(tmp_path / "notes")
    (tmp_path / "notes" / "nowhere.md").symlink_to(tmp_path / "missing.md")
    (tmp_path / "notes" / "self.md").symlink_to(tmp_path / "notes" / "self.md")
    assert ids(tmp_path / "notes") == ["notes/a.md", "notes/other/b.md", "notes/z.md"]


def test_a_folder_that_links_lead_to_many_times_is_listed_once(tmp_path, monkeypatch):
    """Links within links do not multiply the work."""
    write(tmp_path / "notes", "sub/a.md")
    for name in "xyz":
        (tmp_path / "notes" / "sub" / name).symlink_to(tmp_path / "notes" / "sub")
        (tmp_path / "notes" / name).symlink_to(tmp_path / "notes" / "sub")
    listed = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scan(path))
    assert ids(tmp_path / "notes") == ["notes/sub/a.md"]
    assert len(listed) < 10


def test_a_file_is_called_by_its_real_place(tmp_path):
    """Links that sort before what they lead to do not give it their names."""
    write(tmp_path / "notes", "m/sub/x.md", "m/y.md")
    (tmp_path / "notes" / "a").symlink_to(tmp_path / "notes" / "m" / "sub")
    (tmp_path / "notes" / "a.md").symlink_to(tmp_path / "notes" / "m" / "y.md")
    assert ids(tmp_path / "notes") == ["notes/m/sub/x.md", "notes/m/y.md"]


def test_sources_are_the_paths_given_as_absolute_strings(tmp_path, monkeypatch):
    """``sources`` names every root once, resolved, and standard input as a dash."""
    write(tmp_path, "notes/a.md", "b.txt")
    monkeypatch.chdir(tmp_path)
    root = tmp_path.resolve().as_posix()
    reader = Reader([Path("notes"), "b.txt", "-", Path("notes/../notes"), "-"])
    assert reader.sources == (f"{root}/notes", f"{root}/b.txt", "-")


def test_an_empty_folder_has_no_documents(tmp_path):
    """A folder with nothing to read is not an error here."""
    reader = Reader([tmp_path])
    assert list(reader) == []
    assert reader.bytes_total == 0


def test_a_path_that_does_not_exist_is_refused_at_once(tmp_path):
    """The error comes before anything is read, and asks for the spelling to be checked."""
    with pytest.raises(InputError, match=r"no file or folder .*/missing/x\.txt; check the spelling"):
        Reader([tmp_path / "missing" / "x.txt"])


def test_a_misspelt_path_is_answered_with_its_neighbour(tmp_path):
    """The nearest name in the same folder is proposed."""
    write(tmp_path, "articles.jsonl", "other.txt")
    with pytest.raises(InputError, match=r"artcles\.jsonl; did you mean .*/articles\.jsonl\?"):
        Reader([tmp_path / "artcles.jsonl"])


def test_a_path_below_a_file_does_not_exist(tmp_path):
    """A file that is taken for a folder gives the error of a missing path."""
    write(tmp_path, "a.txt")
    with pytest.raises(InputError, match="no file or folder"):
        Reader([tmp_path / "a.txt" / "b.txt"])


def test_a_path_that_the_system_cannot_take_is_refused():
    """A NUL in a path is an input error on one line."""
    with pytest.raises(InputError, match=r"cannot read '/tmp/a\\x00b'"):
        Reader([Path("/tmp/a\0b")])  # noqa: S108 - nothing is written


def test_a_fifo_is_refused_and_never_waited_for(tmp_path):
    """A pipe given by path gives an error that proposes standard input."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"neither a file nor a folder.*standard input"):
        Reader([tmp_path / "pipe"])


def test_a_device_is_refused():
    """A device given by path is no file."""
    with pytest.raises(InputError, match="/dev/null is neither a file nor a folder"):
        Reader([Path("/dev/null")])


def test_pipes_and_sockets_in_a_folder_are_left_out(tmp_path, monkeypatch):
    """A folder with a pipe and a socket in it is read without them."""
    write(tmp_path, "a.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.txt")
        assert ids(tmp_path) == [f"{tmp_path.name}/a.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_input_error(tmp_path):
    """A file that may not be read stops the reading with its name."""
    write(tmp_path, "a.txt")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(InputError, match=r"cannot read .*a\.txt: permission denied"):
        ids(tmp_path / "a.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed_is_an_input_error(tmp_path):
    """A folder within a folder that may not be listed is an error at once, not a gap."""
    write(tmp_path, "notes/sub/a.txt")
    (tmp_path / "notes" / "sub").chmod(0)
    try:
        with pytest.raises(InputError, match=r"cannot read .*sub: permission denied"):
            Reader([tmp_path / "notes"])
    finally:
        (tmp_path / "notes" / "sub").chmod(0o700)


def test_a_folder_that_the_system_refuses_to_list_is_an_input_error(tmp_path, monkeypatch):
    """An error while listing is passed on with the folder's name."""
    write(tmp_path, "notes/a.txt")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot read .*notes: permission denied"):
        Reader([tmp_path / "notes"])


def test_a_file_that_vanishes_is_an_input_error(tmp_path):
    """A file that is gone when its turn comes stops the reading with its name, or is left out and named."""
    write(tmp_path, "a.txt", "b.txt")
    reader = Reader([tmp_path / "a.txt", tmp_path / "b.txt"])
    (tmp_path / "a.txt").unlink()
    with pytest.raises(InputError, match=r"cannot read .*a\.txt: no such file"):
        list(reader)
    reader = Reader([tmp_path / "b.txt", tmp_path], skip_bad=True)
    (tmp_path / "b.txt").unlink()
    write(tmp_path, "c.txt")
    assert list(reader) == []
    assert reader.skipped == 1
    assert "b.txt: no such file" in reader.messages[0]


def test_a_folder_that_cannot_be_listed_can_be_left_out(tmp_path, monkeypatch):
    """The others are read, and the folder is named; what is in it counts as unknown, not as gone."""
    write(tmp_path, "notes/a.txt", "notes/sub/b.txt")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot read .*sub: permission denied"):
        Reader([tmp_path / "notes"])
    reader = Reader([tmp_path / "notes"], skip_bad=True)
    assert [document.id for document in reader] == ["notes/a.txt"]
    assert reader.skipped == 1
    assert "sub: permission denied" in reader.messages[0]
    inside = str(tmp_path / "notes" / "sub" / "b.txt")
    assert not reader.lacks(inside, inside)


def test_a_file_name_that_is_not_utf8_gives_an_id_that_can_be_stored(tmp_path):
    """Undecodable bytes in a name are escaped in id and source, so that two such files remain two."""
    names = [os.fsdecode(name) for name in (b"caf\xe8.txt", b"caf\xe9.txt")]
    try:
        for name in names:
            (tmp_path / name).write_text("coffee")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    documents = list(Reader([tmp_path / name for name in names]))
    assert [document.id for document in documents] == ["caf\\xe8.txt", "caf\\xe9.txt"]
    assert [document.source for document in documents] == [
        f"{tmp_path.resolve().as_posix()}/caf\\xe8.txt",
        f"{tmp_path.resolve().as_posix()}/caf\\xe9.txt",
    ]
