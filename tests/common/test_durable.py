"""Files that appear whole or not at all."""

from __future__ import annotations

import os

import pytest

from semsearch.common.durable import write_beside


def test_a_file_takes_its_name_when_it_is_whole(tmp_path, monkeypatch):
    """Nobody sees it before, its bytes are flushed before the rename, and nothing else is left."""
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append("fsync") or fsync(descriptor))
    monkeypatch.setattr(os, "replace", lambda *names: order.append("replace") or replace(*names))
    with write_beside(tmp_path / "file") as file:
        file.write(b"content")
        assert not (tmp_path / "file").exists()
    assert order == ["fsync", "replace"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    """The earlier file stays, and no half of a new one."""
    (tmp_path / "file").write_bytes(b"before")

    def write_half():
        with write_beside(tmp_path / "file") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"before")]


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770])
def test_a_file_has_the_permissions_of_its_folder(tmp_path, mode):
    """Who may not read in the folder may not read the file, whatever the process's mask."""
    tmp_path.chmod(mode)
    before = os.umask(0)
    try:
        with write_beside(tmp_path / "file"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode & 0o666
