"""A collection as Python programs hold it: a container of documents that can be closed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from semsearch import Collection, Document
from semsearch.common.errors import CollectionError, InputError


def test_a_closed_collection_is_closed_for_all_threads(notes, fake):
    """Whatever is asked of it is an error that says so, its files are let go of, and it can be opened again."""
    with notes, ThreadPoolExecutor(1) as pool:
        notes.add(["A bee."])
        assert len(pool.submit(notes.search, "bee").result()) == 1
        notes.close()
        for use in (notes.ids, lambda: notes.search("bee"), lambda: notes.add(["A jet."]), notes.status, notes.compact):
            with pytest.raises(CollectionError, match="'notes' is closed; open it again"):
                use()
            with pytest.raises(CollectionError, match="'notes' is closed"):
                pool.submit(use).result()
        assert "is closed" in repr(notes)
    assert not _open_files(notes.path)
    with Collection.open(notes.path, fake) as again:
        assert [hit.text for hit in again.search("bee")] == ["A bee."]


def test_a_collection_is_a_container_of_documents(notes):
    """Length, membership, one by its id, all in the order in which they came; an empty one is true."""
    assert len(notes) == 0
    assert list(notes) == []
    assert notes
    assert notes.get("b") is None
    documents = [Document(id=name, text=f"bee {name}", metadata={"n": 1}) for name in ("b", "a", "ü\ud800")]
    notes.add(documents)
    assert len(notes) == 3
    assert ("b" in notes, "x" in notes, 7 in notes) == (True, False, False)
    assert notes.get("a") == documents[1]
    assert notes.get("ü\ud800").text == "bee ü\ufffd"
    assert [document.id for document in notes] == ["b", "a", "ü\ufffd"]
    assert list(notes)[:2] == documents[:2]
    notes.delete(["b"])
    assert (len(notes), "b" in notes) == (2, False)
    assert repr(notes) == f"<Collection 'notes': 2 documents, fake, {notes.path}>"
    assert "2 documents" in notes._repr_html_()


def test_the_vectors_of_all_passages_are_a_matrix(notes, fake):
    """With the id of each one's document, in the order of the rows; they are what the encoder gives."""
    ids, matrix = notes.vectors()
    assert (ids, matrix.shape) == ([], (0, fake.dimension))
    texts = {"a": "bee wings", "b": "jet engine"}
    notes.add([Document(id=name, text=text) for name, text in texts.items()])
    ids, matrix = notes.vectors()
    assert ids == ["a", "b"]
    expected = fake.encode(list(texts.values()))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(matrix, expected, atol=1e-3)


def test_an_archive_is_written_to_a_path(notes, tmp_path):
    """And read from one; a file that is there is not overwritten."""
    notes.add(["A bee."])
    notes.export(tmp_path / "notes.semsearch")
    with pytest.raises(InputError, match="exists already"):
        notes.export(str(tmp_path / "notes.semsearch"))
    with pytest.raises(InputError, match="cannot be read"):
        Collection.load(tmp_path / "nothing", tmp_path / "copies")
    copy = Collection.load(tmp_path / "notes.semsearch", tmp_path / "copies")
    assert copy.ids() == notes.ids()


def _open_files(folder):
    """Files of a folder that this process has open or mapped, where the system tells."""
    if not Path("/proc/self/fd").exists():
        return []
    opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    mapped = [line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()]
    return [path for path in [*opened, *mapped] if path.strip().startswith(f"{folder}/")]
