"""What the command line offers for the index: kinds, metrics, exact and ranged search, compact, tune."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from semsearch.collection import Collection


@pytest.fixture
def many(run, indexes):
    """A collection of enough lines to have a graph as its index."""
    lines = "".join(f"{animal} number {number}\n" for animal in ("bee", "eagle", "goose") for number in range(20))
    result = run("index", "many", "-", "--factory", "HNSW8", stdin=lines)
    assert result.exit_code == 0, result.stderr
    return indexes / "many"


def status(run, name):
    """The object that ``status`` prints as JSON."""
    return json.loads(run("status", name, "--format", "json").stdout)


def test_a_factory_is_built_measured_and_shown(run, many):
    """The index that was asked for is there, with its recall, interval and times in status."""
    told = status(run, many.name)
    assert (told["index"], told["indexed"], told["tail"]) == ("HNSW8", 60, 0)
    assert 0 <= told["recall_low"] <= told["recall"] <= told["recall_high"] <= 1
    assert 0 < told["p50_ms"] <= told["p95_ms"]


@pytest.mark.usefixtures("many")
def test_compact_may_choose_another_index(run):
    """With --factory auto the program chooses, and few rows need no index; stdout says what was done."""
    shown = run("compact", "many", "--factory", "auto")
    assert shown.exit_code == 0
    assert re.fullmatch(r"many: 0 deleted rows removed, .* became .*; index: exact\n", shown.stdout)
    assert status(run, "many")["index"] == "exact"


def test_compact_removes_deleted_rows(run, hits, many):
    """What was deleted leaves the files; what is left is found as before."""
    with Collection.open(many) as collection:
        gone = list(collection.ids())[:10]
    before = hits("many", "goose number 3", "-k", 60, "--mode", "dense")
    assert run("delete", "many", *gone).exit_code == 0
    assert status(run, "many")["deleted"] == 10
    assert run("compact", "many").stdout.startswith("many: 10 deleted rows removed")
    assert status(run, "many")["deleted"] == 0
    after = hits("many", "goose number 3", "-k", 60, "--mode", "dense")
    assert [hit["document"] for hit in after] == [hit["document"] for hit in before if hit["document"] not in gone]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("factory", ["nonsense", "IVF4,PQ5x4fs", ""])
def test_a_factory_that_is_none_changes_nothing(run, factory):
    """FAISS's refusal is one line that names the string, and the index stays."""
    refused = run("compact", "many", "--factory", factory)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"error: FAISS cannot build an index {factory!r}")
    assert len(refused.stderr.splitlines()) == 1
    assert status(run, "many")["index"] == "HNSW8"


@pytest.mark.usefixtures("many")
def test_tune_says_what_it_chose(run):
    """The recall that was asked for is reached and stored."""
    shown = run("tune", "many", "--recall", "0.9")
    assert shown.exit_code == 0
    assert float(re.match(r"many: recall@10 ([\d.]+) ", shown.stdout)[1]) >= 0.9
    assert "index HNSW8, measured on 60 rows" in shown.stdout
    assert run("tune", "many", "--latency-ms", "1000").exit_code == 0


@pytest.mark.parametrize(
    "options", [(), ("--recall", "0.9", "--latency-ms", "1"), ("--recall", "1.5"), ("--latency-ms", "0")]
)
def test_tune_for_what_cannot_be_is_refused(run, many, options):
    """One of two options, within its range, or an error in one line."""
    refused = run("tune", many.name, *options)
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.usefixtures("garden")
def test_tune_of_an_exact_collection_says_so(run):
    """Without an index there is nothing to choose."""
    assert run("tune", "garden", "--recall", "0.9").stdout == (
        "garden: searched exactly, without an index: recall is 1\n"
    )


@pytest.mark.usefixtures("many")
def test_a_least_score_gives_all_from_there_on(hits):
    """--min-score gives exactly those of all passages that reach it, however many."""
    everything = hits("many", "an eagle", "-k", 60, "--exact", "--mode", "dense")
    least = everything[24]["score"]
    found = hits("many", "an eagle", "--min-score", least)
    assert [hit["document"] for hit in found] == [hit["document"] for hit in everything if hit["score"] >= least]
    assert hits("many", "an eagle", "--min-score", 1.01) == []


def test_a_metric_scores_as_it_is_defined(run, hits, indexes, encoder):
    """With l2 the score is the distance with a minus in front; the metric of a collection is fixed."""
    texts = ["A bee has wings.", "A jet burns kerosene."]
    run("index", "far", "-", "--metric", "l2", "--precision", "f32", stdin="\n".join(texts))
    (first, second) = hits("far", "insects", "--precision", "f32")
    query, *vectors = encoder.encode(["insects", first["text"], second["text"]])
    expected = [-np.linalg.norm(query - vector) for vector in vectors]
    assert [first["score"], second["score"]] == pytest.approx(expected, abs=1e-3)
    assert first["score"] > second["score"]
    refused = run("index", "far", "-", "--metric", "dot", stdin="a text")
    assert refused.exit_code == 1
    assert "was built with --metric l2, not dot" in refused.stderr
    assert (indexes / "far").exists()


@pytest.mark.usefixtures("garden")
def test_a_gpu_that_is_not_there_is_named(run):
    """Without CUDA --device cuda is one line, not a traceback."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA GPU here")
    refused = run("search", "garden", "a bee", "--device", "cuda", "--runtime", "torch")
    assert refused.exit_code == 1
    assert "cuda" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_damaged_index_is_a_warning(run, hits, many):
    """The answer is the same without the index file, and stderr says what to do."""
    before = hits("many", "a goose")
    (file,) = many.glob("index-*.faiss")
    file.write_bytes(file.read_bytes()[:-1])
    shown = run("search", "many", "a goose", "--format", "json")
    assert shown.exit_code == 0
    found = [(hit["document"], hit["score"]) for hit in json.loads(shown.stdout)]
    assert found == [(hit["document"], hit["score"]) for hit in before]
    assert shown.stderr.startswith("warning: index file ")
    assert "semsearch compact many" in shown.stderr
    rebuilt = run("index", "many", "-", stdin="one more text")
    assert "rebuilding" in rebuilt.stderr
    assert run("search", "many", "a goose").stderr == ""
