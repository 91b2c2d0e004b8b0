"""Checksums of index files: the same whether a file is written in pieces or read by threads, and of every byte."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsearch.index import file_digest as digest
from semsearch.index.file_digest import Digest, has_digest


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the file is written anew each time
@given(pieces=st.lists(st.binary(max_size=30), max_size=8), threads=st.integers(1, 4))
def test_a_file_has_the_checksum_of_its_pieces(tmp_path, monkeypatch, pieces, threads):
    """Of blocks of eight bytes: SHA-256 of the only one, or of the SHA-256 of all, one behind the other."""
    monkeypatch.setattr(digest, "BLOCK", 8)
    content, written = b"".join(pieces), Digest()
    for piece in pieces:
        written.update(piece)
    sums = [hashlib.sha256(content[at : at + 8]) for at in range(0, len(content) or 1, 8)]
    expected = sums[0] if len(sums) == 1 else hashlib.sha256(b"".join(one.digest() for one in sums))
    (tmp_path / "file").write_bytes(content)
    assert written.hexdigest() == expected.hexdigest()
    assert has_digest(tmp_path / "file", expected.hexdigest(), threads)


@pytest.mark.parametrize("place", [0, 7, 8, 20])
def test_every_byte_counts(tmp_path, monkeypatch, place):
    """A bit that is flipped, or two blocks that have changed places, are another checksum."""
    monkeypatch.setattr(digest, "BLOCK", 8)
    content = bytes(range(21))
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    written = Digest()
    written.update(content)
    for one in (flipped, content[8:16] + content[:8] + content[16:], content[:-1], content + b"0", b""):
        (tmp_path / "file").write_bytes(one)
        assert not has_digest(tmp_path / "file", written.hexdigest(), 2)
