"""Files that appear whole or not at all."""

from __future__ import annotations

import os

import pytest

from semsearch.common import durable
from semsearch.common.durable import link_or_copy, write_beside


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


@pytest.mark.parametrize("links", [True, False])
def test_a_second_name_or_a_copy(tmp_path, monkeypatch, links):
    """Where there are no links the bytes are copied and flushed."""
    (tmp_path / "one").write_bytes(b"content")
    if not links:
        monkeypatch.setattr(durable.os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    link_or_copy(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == b"content"
    assert (tmp_path / "one").samefile(tmp_path / "other") is links
