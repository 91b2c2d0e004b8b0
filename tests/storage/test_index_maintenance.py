"""The index in the life of a collection: built, renewed, chosen, compacted."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from semsearch import Collection, Document
from semsearch.common.errors import InputError
from semsearch.index import plan
from semsearch.storage import writer
from tests.support.fake_encoder import FakeEncoder
from tests.support.index_helpers import check_alive, documents, stamps


def found(collection, query="bee3 wing3 sky3", k=1000, **options):
    """Hits without their ranks."""
    hits = collection.search(query, k, **options, mode="dense")
    return [(hit.document, hit.passage, hit.text, hit.start, hit.end, round(hit.score, 5)) for hit in hits]


def test_few_documents_need_no_index(notes):
    """A small collection is exact, without an index file or figures about it, and compaction makes none."""
    notes.add(documents(0, 300))
    notes.compact()
    status = notes.status()
    assert (status.index, status.indexed, status.tail) == ("exact", 0, 300)
    assert (status.recall, status.recall_low, status.p50_ms, status.measured_rows, status.stale) == (*[None] * 4, False)
    assert stamps(notes) == {}


def test_an_index_is_built_when_the_tail_is_long(caplog, notes, small_index):
    """Up to a number of rows all are tail; one more, and they are indexed; the status says how and how well."""
    small_index(tail=40, part=64)
    notes.add(documents(0, 40))
    assert (notes.status().indexed, notes.status().tail, stamps(notes)) == (0, 40, {})
    notes.sync(documents(40, 41))
    status = notes.status()
    assert (status.indexed, status.tail, status.measured_rows) == (41, 0, 41)
    assert "PQ16x4fs" in status.index
    assert any("building the index" in line for line in caplog.messages)
    assert 0 <= status.recall_low <= status.recall <= status.recall_high <= 1
    assert status.recall > 0.9
    assert 0 < status.p50_ms <= status.p95_ms
    check_alive(notes, [f"d{n}" for n in range(41)])


def test_an_update_of_few_documents_rewrites_no_large_file(indexed):
    """New rows are appended to the vector file, the index files are not touched, and all is found at once."""
    index, vectors = stamps(indexed), indexed.path / "vectors-0.f16"
    before, content = stamps(indexed, "vectors*"), vectors.read_bytes()
    indexed.add([*documents(100, 110), Document(id="d5", text="bee5 new")])
    indexed.delete(["d7"])
    assert stamps(indexed) == index
    after = stamps(indexed, "vectors*")
    assert after["vectors-0.f16"][0] == before["vectors-0.f16"][0]
    assert vectors.read_bytes().startswith(content)
    assert len(vectors.read_bytes()) == len(content) * 111 // 100
    assert (indexed.status().indexed, indexed.status().tail) == (100, 11)
    assert indexed.search("bee5 new", 1, mode="dense")[0].document == "d5"
    check_alive(indexed, [f"d{n}" for n in range(110) if n != 7])


def test_full_parts_are_kept_and_the_last_one_is_renewed(indexed):
    """When the tail is long the file of a full part stays as it is; the last one gives way to a longer one."""
    first, last = sorted(stamps(indexed), key=lambda name: int(name.rsplit("-", 1)[1][:-6]))
    before = stamps(indexed)
    indexed.add(documents(100, 125))
    after = stamps(indexed)
    assert after[first] == before[first]
    assert last not in after
    assert len(after) == 2
    assert (indexed.status().indexed, indexed.status().tail) == (125, 0)
    check_alive(indexed, [f"d{n}" for n in range(125)])


def test_an_index_is_planned_anew_when_the_collection_has_grown_by_half(indexed, monkeypatch):
    """Beyond half as many rows again every part is built anew, as it suits the collection now."""
    before = stamps(indexed)
    monkeypatch.setattr(plan, "PART_ROWS", 96)
    indexed.add(documents(100, 150))
    kept = stamps(indexed)
    assert len(set(kept) & set(before)) == 1
    indexed.add(documents(150, 180))
    after = stamps(indexed)
    assert not set(after) & set(before)
    assert len(after) == 2
    assert (indexed.status().indexed, indexed.status().measured_rows) == (180, 180)
    check_alive(indexed, [f"d{n}" for n in range(180)])


def test_what_another_version_has_planned_is_built_anew_when_it_is_renewed(indexed, monkeypatch):
    """Its parts are searched until then, and not mixed with new ones; recall is measured anew."""
    monkeypatch.setattr(plan, "CODE_LADDER", (*plan.CODE_LADDER[:-1], (1, 2, 2)))
    before = stamps(indexed)
    indexed.add(documents(100, 110))
    assert stamps(indexed) == before
    indexed.add(documents(110, 125))
    assert not set(stamps(indexed)) & set(before)
    assert "PQ8x4fs" in indexed.status().index
    assert indexed.status().measured_rows == 125
    check_alive(indexed, [f"d{n}" for n in range(125)])


@pytest.mark.parametrize("rest", [1, 5, 15])
def test_a_last_part_of_any_length(notes, small_index, rest):
    """That the rows end soon after a full part is no reason for a write to fail."""
    small_index(tail=20, part=64)
    notes.add(documents(0, 43))
    notes.add(documents(43, 64 + rest))
    check_alive(notes, [f"d{n}" for n in range(64 + rest)])


def test_many_deleted_rows_are_removed(indexed, monkeypatch):
    """Beyond a number and a share of deleted rows the files are written anew, without them; up to there they stay."""
    monkeypatch.setattr(writer, "DEAD_ROWS", 10)
    monkeypatch.setattr(plan, "PART_ROWS", 200)
    indexed.delete([f"d{n}" for n in range(30)])
    assert (indexed.status().deleted, list(stamps(indexed, "vectors*"))) == (30, ["vectors-0.f16"])
    before = found(indexed, exact=True)
    indexed.delete(["d30"])
    status = indexed.status()
    assert (status.deleted, status.passages, status.indexed + status.tail) == (0, 69, 69)
    assert list(stamps(indexed, "vectors*")) == ["vectors-1.f16"]
    assert found(indexed, exact=True) == [hit for hit in before if hit[0] != "d30"]
    check_alive(indexed, [f"d{n}" for n in range(31, 100)])


def test_compaction_keeps_every_hit_and_numbers_rows_anew(make, small_index):
    """Texts, passages, spans and scores are the same; ids are 0, 1, 2, …, and nothing of the old files is left."""
    small_index(tail=20, part=48)
    collection = make(unit="line")
    collection.add([Document(id=f"d{n}", text=f"bee{n} a\nwing{n} b\n\nsky{n} c") for n in range(40)])
    collection.delete([f"d{n}" for n in range(0, 40, 3)])
    collection.add([Document(id="d1", text="bee1 changed")])
    before, files = found(collection, exact=True), stamps(collection) | stamps(collection, "vectors*")
    collection.compact()
    assert found(collection, exact=True) == found(Collection.open(collection.path, FakeEncoder()), exact=True) == before
    assert sorted(found(collection)) == sorted(before)
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection:
        assert [row for (row,) in connection.execute("SELECT vector FROM passages ORDER BY 1")] == list(range(76))
        assert connection.execute("SELECT count(*) FROM dead").fetchone() == (0,)
        assert connection.execute("SELECT sum(rows) FROM blocks").fetchone() == (76,)
    assert not set(files) & {file.name for file in collection.path.iterdir()}
    assert collection.status().indexed == 76
    collection.add([Document(id="new", text="bee3 wing3")])
    assert collection.search("bee3 wing3", 1, mode="dense")[0].document == "new"


def test_nothing_is_left_after_everything_was_deleted(indexed):
    """An empty collection can be compacted, searched and filled again."""
    indexed.delete([f"d{n}" for n in range(100)])
    indexed.compact()
    assert indexed.search("bee", mode="dense") == []
    assert (indexed.status().indexed, indexed.status().deleted, stamps(indexed)) == (0, 0, {})
    indexed.add(documents(0, 50))
    check_alive(indexed, [f"d{n}" for n in range(50)])


def test_another_index_by_choice(indexed):
    """A factory string is used from the next compaction on and kept when rows are added; auto gives it back."""
    indexed.tune(factory="HNSW8")
    indexed.compact()
    assert (indexed.status().index, indexed.status().indexed, len(stamps(indexed))) == ("HNSW8", 100, 1)
    check_alive(indexed, [f"d{n}" for n in range(100)])
    indexed.add(documents(100, 125))
    assert (indexed.status().index, indexed.status().indexed) == ("HNSW8", 125)
    indexed.tune(factory="auto")
    indexed.compact()
    assert "PQ16x4fs" in indexed.status().index
    assert len(stamps(indexed)) == 2


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("factory", ["IVF1,PQ4x4fs", "PQ4x4", "SQ8", "PCA8,IVF4,Flat", "IVF1,RaBitQfs"])
def test_any_factory_finds_what_is_alive(make, factory, metric):
    """Deleted rows are left out whatever the index, also by those that take no filter, and none is lost."""
    collection = make(unit="document", metric=metric)
    collection.add(documents(0, 120))
    collection.tune(factory=factory)
    collection.compact()
    assert collection.status().index == factory
    collection.delete([f"d{n}" for n in range(0, 120, 2)])
    hits = collection.search("bee3 wing3", 1000, mode="dense")
    assert sorted(hit.document for hit in hits) == sorted(f"d{n}" for n in range(1, 120, 2))


@pytest.mark.parametrize("factory", ["nonsense", "", "IVF4,PQ5x4fs"])
def test_a_factory_that_does_not_exist_changes_nothing(indexed, factory):
    """The error quotes it, and index, choice and files stay as they were."""
    files, generation = stamps(indexed), indexed.status().generation
    with pytest.raises(InputError, match=f"{factory!r}.*choose another factory"):
        indexed.tune(factory=factory)
    assert (stamps(indexed), indexed.status().generation) == (files, generation)
    indexed.add(documents(100, 125))
    assert "PQ16x4fs" in indexed.status().index


@pytest.mark.parametrize("rows", [0, 1, 2, 12])
def test_a_chosen_index_of_few_rows(notes, rows):
    """A factory may be chosen for a collection that is still empty or nearly so; it fills, shrinks and is tuned."""
    notes.add(documents(0, rows))
    notes.tune(factory="HNSW8")
    notes.compact()
    notes.tune(recall=0.9)
    assert notes.status().indexed == rows
    notes.add(documents(rows, 30))
    check_alive(notes, [f"d{n}" for n in range(30)])
    notes.delete([f"d{n}" for n in range(30)])
    notes.compact()
    assert notes.search("bee", mode="dense") == []


def test_a_factory_that_wants_more_rows_than_there_are(caplog, notes):
    """Until there are enough rows the search is exact, and that is said; writes do not fail for it."""
    notes.add(documents(0, 30))
    notes.tune(factory="IVF64,Flat")
    notes.compact()
    assert any("too few rows" in line for line in caplog.messages)
    assert (notes.status().index, notes.status().tail) == ("exact", 30)
    notes.add(documents(30, 100))
    assert (notes.status().index, notes.status().indexed) == ("IVF64,Flat", 100)
