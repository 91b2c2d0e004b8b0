"""How near an index is to the truth: chosen, stored, shown; and other metrics than the cosine."""

from __future__ import annotations

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings
from semsearch.common.errors import InputError, QueryError
from semsearch.storage.vectors import index_builder
from tests.support.fake_encoder import FakeEncoder
from tests.support.index_helpers import documents
from tests.support.opened import snapshot_of


def test_tuning_is_kept(indexed, fake, monkeypatch):
    """A recall or a latency is stored with the collection and used when the index is measured again."""
    status = indexed.tune(recall=0.5)
    assert status == Collection.open(indexed.path, fake).status()
    low = snapshot_of(indexed).searcher.point
    assert indexed.tune(recall=1.0).recall >= status.recall
    assert snapshot_of(indexed).searcher.point.candidates > low.candidates
    indexed.tune(latency_ms=1e6)
    asked = []
    tune = index_builder.tune
    monkeypatch.setattr(
        index_builder, "tune", lambda rows, index, target: asked.append(target) or tune(rows, index, target)
    )
    indexed.add(documents(100, 160))
    assert [(target.recall, target.latency_ms) for target in asked] == [(None, 1e6)]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"recall": 0.9, "latency_ms": 1}, {"recall": 0}, {"recall": 1.1}, {"recall": float("nan")}]
    + [{"latency_ms": value} for value in (0, -1, float("nan"), float("inf"))],
)
def test_targets_that_make_no_sense_are_refused(indexed, wrong):
    """One of the two, within its bounds; nothing changes otherwise."""
    before = indexed.status()
    with pytest.raises(QueryError, match=r"choose|one of two"):
        indexed.tune(**wrong)
    assert indexed.status() == before


def test_figures_grow_stale(indexed, monkeypatch):
    """The status says when half as many rows have come or gone since recall was measured."""
    monkeypatch.setattr(index_builder, "TAIL_ROWS", 1000)
    indexed.add(documents(100, 150))
    assert not indexed.status().stale
    indexed.add(documents(150, 151))
    assert indexed.status().stale
    indexed.compact()
    assert (indexed.status().stale, indexed.status().measured_rows) == (False, 151)
    indexed.delete([f"d{n}" for n in range(76)])
    assert indexed.status().stale


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("metric", ["dot", "l2"])
def test_other_metrics_from_end_to_end(make, small_index, metric, small):
    """Scores are inner products, or distances with a minus, of the encoder's own vectors, with an index or without."""
    if small:
        small_index(tail=20, part=64)
    collection = make(unit="document", metric=metric)
    everything = documents(0, 60)
    collection.add(everything)
    assert (collection.status().metric, collection.status().index == "exact") == (metric, not small)
    encoder = FakeEncoder()
    rows = encoder.encode([one.text for one in everything]).astype(np.float16).astype(np.float64)
    query = encoder.encode(["bee3 wing3"])[0].astype(np.float64)
    truth = rows @ query if metric == "dot" else -np.linalg.norm(rows - query, axis=1)
    for exact in (False, True):
        hits = collection.search("bee3 wing3", 60, exact=exact, mode="dense")
        assert [hit.document for hit in hits[:5]] == [f"d{n}" for n in np.argsort(-truth)[:5]]
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(truth)[::-1], atol=1e-4)


@pytest.mark.parametrize("metric", ["dot", "l2"])
def test_vectors_that_cannot_be_stored_are_refused(tmp_path, metric):
    """A model whose numbers float16 has not is told so; what was there stays, and others can be added."""

    class Large(FakeEncoder):
        def encode(self, texts, role=None):
            scale = np.array([[1e6] if "large" in text else [1] for text in texts], np.float32)
            return super().encode(texts, role) * scale

    collection = Collection.create(tmp_path / "notes", Large(), CollectionSettings(unit="document", metric=metric))
    collection.add(["a bee"])
    with pytest.raises(InputError, match=r"65,504.*use the metric cosine"):
        collection.add(["a fly", "large wasp"])
    assert [hit.text for hit in collection.search("bee", mode="dense")] == ["a bee"]
    collection.add(["a fly"])
    assert collection.status().passages == 2
