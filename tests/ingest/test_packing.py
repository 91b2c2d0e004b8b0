"""Packed files are read as what is inside."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random

import pytest

from semsearch.common.errors import RecordError
from semsearch.ingest.formats import packing
from semsearch.ingest.reader import Reader

PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def _pack(suffix, data):
    if suffix == ".zst":
        zstandard = pytest.importorskip("zstandard", reason="zstandard is an extra")
        return zstandard.ZstdCompressor().compress(data)
    return PACK[suffix](data)


def _read(path, **options):
    reader = Reader([path], **options)
    return [(document.id, document.title, document.text) for document in reader], reader


@pytest.mark.parametrize("suffix", [*PACK, ".zst", ".GZ"])
@pytest.mark.parametrize(
    ("name", "content", "documents"),
    [
        ("a.txt", "One é.\n", [("", None, "One é.\n")]),
        ("a.md", "# Bees\n\ntext", [("", "Bees", "# Bees\n\ntext")]),
        ("a.jsonl", '{"text": "bee"}\n{"text": "fly"}\n', [(":1", None, "bee"), (":2", None, "fly")]),
        ("a.csv", "text,title\nbee,Bees\n", [(":1", "Bees", "bee")]),
        ("a", "no kind", [("", None, "no kind")]),
    ],
)
def test_a_packed_file_has_the_documents_of_what_is_inside(tmp_path, suffix, name, content, documents):
    """Of every kind, in every packing, whatever its case; the id is the file's with all its extensions."""
    data = content.encode()
    (tmp_path / (name + suffix)).write_bytes(_pack(suffix.lower(), data))
    found, reader = _read(tmp_path / (name + suffix))
    assert found == [(f"{name}{suffix}{end}", title, text) for end, title, text in documents]
    assert reader.bytes_read == reader.bytes_total == (tmp_path / (name + suffix)).stat().st_size


def test_packed_files_of_known_kinds_are_taken_from_a_folder(tmp_path):
    """By what is inside; an archive of unknown kind is not."""
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"bee"))
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(b"tar"))
    (tmp_path / ".gz").write_bytes(gzip.compress(b"hidden"))
    found, reader = _read(tmp_path)
    assert [text for _, _, text in found] == ["bee"]
    assert reader.ignored == 1


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("damage", ["cut", "other", "flipped"])
def test_a_damaged_file_is_told_and_can_be_skipped(tmp_path, suffix, damage):
    """Cut off, not packed at all, or with another byte: an error with the file's name, and others are read."""
    text = random.Random(1).randbytes(200_000).hex().encode()  # noqa: S311 - no secret
    data = bytearray(PACK[suffix](text))
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    else:
        data = bytearray(b"this is no packed file")
    (tmp_path / f"a.jsonl{suffix}").write_bytes(data)
    (tmp_path / "b.txt").write_text("a bee")
    with pytest.raises(RecordError, match=rf"a\.jsonl\{suffix}.*(cannot be unpacked|not JSON)"):
        _read(tmp_path)
    found, reader = _read(tmp_path, skip_bad=True)
    assert ("b.txt", "a bee") in [(name.split("/")[-1], text) for name, _, text in found]
    assert reader.skipped >= 1


@pytest.mark.parametrize("suffix", PACK)
def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, suffix):
    """What unpacks to far more than text does is an error; what is merely repetitive is read."""
    monkeypatch.setattr(packing, "FREE_BYTES", 100_000)
    (tmp_path / f"bomb.txt{suffix}").write_bytes(PACK[suffix](bytes(50_000_000)))
    with pytest.raises(RecordError, match="unpacks to more than 250 times its size"):
        _read(tmp_path / f"bomb.txt{suffix}")
    text = "".join(f"line {number}: the same again\n" for number in range(50_000))
    (tmp_path / f"log.txt{suffix}").write_bytes(PACK[suffix](text.encode()))
    assert _read(tmp_path / f"log.txt{suffix}")[0][0][2] == text
